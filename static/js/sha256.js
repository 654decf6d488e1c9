// Muster.sha256(): a SHA-256 that takes its bytes piece by piece.
//   var hash = Muster.sha256(); hash.update(bytes); …; hash.hex()
// Why by hand: SubtleCrypto wants the whole file in memory at once, and is not there at all on a page that another
// machine serves without TLS. This one needs 64 bytes of state, and does about 100 MB a second.
(function () {
  'use strict';
  var K = new Uint32Array(64), START = new Uint32Array(8);
  // The first 32 bits of the fractions of cube and square roots of the first primes (FIPS 180-4, 4.2.2 and 5.3.3).
  // The roots are taken in integers, so that no last bit hangs on how a machine rounds.
  (function constants() {
    function root(n, power) { // floor(n^(1/power) · 2^32) as a BigInt
      var wanted = BigInt(n) << BigInt(32 * power), low = 0n, high = 1n << 40n;
      while (high - low > 1n) {
        var middle = (low + high) >> 1n;
        if (middle ** BigInt(power) <= wanted) low = middle; else high = middle;
      }
      return Number(low & 0xffffffffn);
    }
    for (var n = 2, found = 0; found < 64; n++) {
      var isPrime = true;
      for (var d = 2; d * d <= n; d++) if (n % d === 0) isPrime = false;
      if (!isPrime) continue;
      if (found < 8) START[found] = root(n, 2);
      K[found++] = root(n, 3);
    }
  })();

  function rotate(x, n) { return (x >>> n) | (x << (32 - n)); }
  function mix(h, w, bytes, at) {
    var i, a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], k = h[7];
    for (i = 0; i < 16; i++, at += 4) w[i] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
    for (; i < 64; i++) {
      var x = w[i - 15], y = w[i - 2];
      w[i] = w[i - 16] + (rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3)) + w[i - 7] + (rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10)) | 0;
    }
    for (i = 0; i < 64; i++) {
      var one = k + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + (e & f ^ ~e & g) + K[i] + w[i] | 0;
      var two = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + (a & b ^ a & c ^ b & c) | 0;
      k = g; g = f; f = e; e = d + one | 0; d = c; c = b; b = a; a = one + two | 0;
    }
    h[0] += a; h[1] += b; h[2] += c; h[3] += d; h[4] += e; h[5] += f; h[6] += g; h[7] += k;
  }
  window.Muster.sha256 = function () {
    var h = START.slice(), w = new Int32Array(64), rest = new Uint8Array(64), held = 0, total = 0;
    function update(bytes) {
      var at = 0;
      total += bytes.length;
      if (held) {
        var need = Math.min(64 - held, bytes.length);
        rest.set(bytes.subarray(0, need), held);
        held += need;
        at = need;
        if (held < 64) return;
        mix(h, w, rest, 0);
        held = 0;
      }
      for (; at + 64 <= bytes.length; at += 64) mix(h, w, bytes, at);
      rest.set(bytes.subarray(at));
      held = bytes.length - at;
    }
    function hex() {
      var bits = total * 8, end = new Uint8Array((held < 56 ? 64 : 128) - held), view = new DataView(end.buffer);
      end[0] = 0x80;
      view.setUint32(end.length - 8, Math.floor(bits / 4294967296));
      view.setUint32(end.length - 4, bits >>> 0);
      update(end);
      return Array.from(h, function (word) { return word.toString(16).padStart(8, '0'); }).join('');
    }
    return { update: update, hex: hex };
  };
})();
