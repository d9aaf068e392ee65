JSON.stringify = function () { return '{}'; };
Array.isArray = function () { return true; };
Date = undefined;
Object.prototype.polluted = true;
function decodeUplink(input) { return { data: { battery: 3 } }; }
