function decodeUplink(input) {}
