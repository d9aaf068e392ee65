function decodeUplink(input) { return { data: { volt: 3 } }; }
function normalizeUplink(input) { return { errors: ['no normalised form'] }; }
