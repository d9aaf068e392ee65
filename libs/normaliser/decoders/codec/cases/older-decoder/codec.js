function Decoder(bytes, port) { return { battery: bytes[0] / 10, port: port }; }
