/**
 * The part of the sandbox that runs inside QuickJS, before the vendor's script. It takes what it needs from JavaScript's
 * built-ins at once, so that a script that changes them later only fools itself, and hands results out as JSON text.
 * `bind` finds the script's functions: TS013 `decodeUplink`, or the older `Decoder(bytes, port)` and
 * `Decode(fPort, bytes, variables)`. `run` calls it for frames from `start` on; `begin(index)` tells the host which frame
 * is being worked on and answers false where it is enough for now. Nothing here refers to the frames of another call.
 */
export const guestPrelude = `(function () {
  'use strict';
  const parse = JSON.parse, stringify = JSON.stringify, Time = Date, text = String, isArray = Array.isArray;
  const InternalFault = InternalError;
  const maxLogs = 50, maxLogLength = 500;
  let functions = {}, done = '', count = 0, logs = [], logCount = 0, exhausted = false;
  function log() {
    if (logCount >= maxLogs) return;
    let line = '';
    for (let i = 0; i < arguments.length; i++) {
      const part = arguments[i];
      let shown;
      try { shown = typeof part === 'object' ? stringify(part) : text(part); } catch (fault) { shown = '?'; }
      line = line + (i > 0 ? ' ' : '') + shown;
    }
    let cut = '';
    for (let i = 0; i < line.length && i < maxLogLength; i++) cut = cut + line[i];
    logs[logCount++] = cut;
  }
  globalThis.console = { log: log, info: log, warn: log, error: log, debug: log };
  function call(frame) {
    if (functions.decodeUplink) {
      const input = { bytes: frame.bytes, fPort: frame.fPort, recvTime: new Time(frame.recvTime), variables: frame.variables };
      return functions.decodeUplink(input);
    }
    if (functions.Decoder) return { data: functions.Decoder(frame.bytes, frame.fPort) };
    return { data: functions.Decode(frame.fPort, frame.bytes, frame.variables) };
  }
  function one(frame) {
    logs = [];
    logCount = 0;
    try {
      const answer = call(frame);
      if (typeof answer !== 'object' || answer === null || isArray(answer)) {
        return stringify({ invalid: 'it returned ' + (answer === null ? 'null' : typeof answer) + ' instead of an object with data', logs: logs });
      }
      const failed = isArray(answer.errors) && answer.errors.length > 0;
      let normalized;
      if (functions.normalizeUplink && !failed && answer.data) normalized = functions.normalizeUplink({ data: answer.data });
      return stringify({ data: answer.data, warnings: answer.warnings, errors: answer.errors, normalized: normalized, logs: logs });
    } catch (fault) {
      return caught(fault);
    }
  }
  function caught(fault) {
    try {
      if (fault instanceof InternalFault && fault.message === 'out of memory') exhausted = true;
      const isObject = typeof fault === 'object' && fault !== null;
      return stringify({
        thrown: { name: isObject ? text(fault.name) : '', message: isObject ? text(fault.message) : text(fault), stack: isObject ? text(fault.stack) : '' },
        logs: logs,
      });
    } catch (again) {
      if (again instanceof InternalFault) exhausted = true;
      return '{"thrown":{"name":"","message":"an error that cannot be read","stack":""}}';
    }
  }
  return {
    bind: function (found) { functions = found; },
    run: function (framesText, start, begin, maxLength) {
      const frames = parse(framesText);
      done = '';
      count = 0;
      exhausted = false;
      for (let i = start; i < frames.length && begin(i); i++) {
        let result = one(frames[i]);
        if (exhausted) break;
        if (typeof result !== 'string') result = '{"invalid":"its answer is not JSON"}';
        if (result.length > maxLength) result = '{"invalid":"its answer is longer than ' + maxLength + ' characters of JSON"}';
        done = done + (count > 0 ? ',' : '') + result;
        count++;
      }
    },
    take: function () { return (exhausted ? '!' : '=') + '[' + done + ']'; },
  };
})()`;

/** Evaluated in the script's own global scope, so that it also finds functions declared with `const`. */
export const guestBinding = `({
  decodeUplink: typeof decodeUplink === 'function' ? decodeUplink : undefined,
  normalizeUplink: typeof normalizeUplink === 'function' ? normalizeUplink : undefined,
  Decoder: typeof Decoder === 'function' ? Decoder : undefined,
  Decode: typeof Decode === 'function' ? Decode : undefined,
})`;
