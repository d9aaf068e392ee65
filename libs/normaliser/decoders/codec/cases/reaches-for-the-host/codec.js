function decodeUplink(input) {
  return { data: { battery: [typeof process, typeof require, typeof fetch, typeof globalThis.Buffer, typeof std].join() === 'undefined,undefined,undefined,undefined,undefined' ? 1 : 0 } };
}
