// Reads what packed.py writes: a promise of {name: Float64Array}.
"use strict";

const UNKNOWN = -(2 ** 29);

async function unpacked(text) {
  const cut = text.indexOf("\n");
  const head = JSON.parse(text.slice(0, cut));
  const raw = Uint8Array.from(atob(text.slice(cut + 1).trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([raw]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const out = {};
  let at = 0;
  for (const [name, length, step] of head) {
    const values = new Float64Array(length);
    const b = at + length, c = b + length, d = c + length;
    const per = Math.round(1 / step), whole = step < 1 && Math.abs(per * step - 1) < 1e-9;
    let code = 0;
    for (let i = 0; i < length; i++) {
      const z = bytes[at + i] | (bytes[b + i] << 8) | (bytes[c + i] << 16) | (bytes[d + i] << 24);
      code = (code + ((z >>> 1) ^ -(z & 1))) | 0;
      values[i] = code === UNKNOWN ? NaN : whole ? code / per : code * step;  // dividing gives the double nearest to the decimal
    }
    out[name] = values;
    at += 4 * length;
  }
  return out;
}
