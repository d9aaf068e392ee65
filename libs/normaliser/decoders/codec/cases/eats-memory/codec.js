function decodeUplink(input) { var all = []; while (true) all.push(new Array(1000).fill(1)); }
