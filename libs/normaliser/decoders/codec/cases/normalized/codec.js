function decodeUplink(input) {
  return { data: { temp: input.bytes[0] / 2, volt: input.bytes[1] / 10, level: input.bytes[2] } };
}
function normalizeUplink(input) {
  return { data: { battery: input.data.volt, water: { temperature: { current: input.data.temp } } }, warnings: ['normalised'] };
}
