function decodeUplink(input) { return JSON.parse('{"data": {"__proto__": {"admin": true}, "battery": 3}}'); }
