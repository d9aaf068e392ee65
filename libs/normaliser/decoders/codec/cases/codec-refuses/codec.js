// A pulse counter: battery in tenths of a volt, pulses as 32 bits.
function decodeUplink(input) {
  if (input.fPort !== 1) return { errors: ['unknown FPort'] };
  var bytes = input.bytes;
  if (bytes.length < 5) return { errors: ['payload too short'] };
  var pulses = (bytes[1] << 24) | (bytes[2] << 16) | (bytes[3] << 8) | bytes[4];
  var warnings = bytes[0] < 30 ? ['battery is getting low'] : [];
  return {
    data: {
      batteryDeciVolt: bytes[0],
      counter: { total: pulses * (input.variables.litresPerPulse || 1) },
      channels: [{ flow: '1.5' }, { flow: bytes.length }],
      valve: bytes[5],
    },
    warnings: warnings,
  };
}
