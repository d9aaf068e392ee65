function decodeUplink(input) {
  return { data: { temp: input.bytes[0] / 2, volt: input.bytes[1] / 10, level: input.bytes[2] } };
}
function normalizeUplink(input) {
  return { data: { battery: input.data.volt, position: { latitude: 27.7, longitude: 106.9 } } };
}
