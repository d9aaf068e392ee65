function decodeUplink(input) {
  return { data: { readings: input.bytes } };
}
function normalizeUplink(input) {
  return {
    data: input.data.readings.map(function (value, index) {
      return { time: new Date(Date.UTC(2026, 10, 22, 0, 10 * index)).toISOString(), water: { temperature: { current: value } } };
    }),
  };
}
