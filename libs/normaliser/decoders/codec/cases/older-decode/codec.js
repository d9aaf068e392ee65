const Decode = (fPort, bytes, variables) => ({ battery: bytes[0] / 10, interval: variables.interval });
