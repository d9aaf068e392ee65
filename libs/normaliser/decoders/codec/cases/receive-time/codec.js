function decodeUplink(input) { return { data: { battery: input.recvTime.getUTCFullYear() === 2026 ? 3.3 : 0 } }; }
