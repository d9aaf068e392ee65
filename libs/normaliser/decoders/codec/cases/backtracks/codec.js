function decodeUplink(input) { return { data: { ok: /^(a+)+$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab') } }; }
