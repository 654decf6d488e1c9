// Sends a file of weights in pieces of 1 MiB to the resumable upload of REST, then posts the form with its number.
//   <form data-upload="/api/v1/uploads"> … <input type="hidden" name="upload"> …
// The server wants the file's SHA-256 before the first byte. It is computed piece by piece (sha256.js), so that
// neither the memory nor the connection's security limits it. An upload that broke off, even in a page that was
// closed, goes on where it stopped: its number is kept in this browser under the file's hash.
(function () {
  'use strict';
  var PIECE = 1 << 20, TRIES = 5, text = window.Muster.text;
  var form = document.querySelector('form[data-upload]');
  if (!form) return;
  document.getElementById('upload-without').hidden = true;
  var part = document.getElementById('upload'), file = document.getElementById('weights'), bar = document.getElementById('upload-bar');
  var says = document.getElementById('upload-says'), failed = document.getElementById('upload-failed');
  var number = form.elements.namedItem('upload'), button = form.querySelector('[data-upload-submit]'), busy = false;

  function isUpload() { return form.querySelector('[name=origin]:checked').value === 'uploaded'; }
  function show() {
    part.hidden = !isUpload();
    form.elements.namedItem('seed').closest('.field').hidden = isUpload();
    file.required = isUpload() && !number.value;
  }
  function progress(key, done, total) {
    bar.hidden = false;
    bar.value = total ? done / total : 0;
    says.textContent = text(key, { percent: total ? Math.floor(done / total * 100) : 0 });
  }
  function wait(ms) { return new Promise(function (go) { setTimeout(go, ms); }); }
  function token() { return JSON.parse(document.body.getAttribute('hx-headers'))['X-CSRFToken']; }

  function refusal(answer) {
    return answer.json().catch(function () { return {}; }).then(function (body) {
      var reasons = Object.values(body.fields || {}).flat().join(' ') || body.detail;
      var error = new Error(reasons || text('uploadRefused', { status: answer.status }));
      error.isFinal = answer.status < 500 || answer.status === 507;
      throw error;
    });
  }
  function ask(method, address, body, headers) {
    return fetch(address, { method: method, body: body, headers: Object.assign({ 'X-CSRFToken': token(), Accept: 'application/json' }, headers) });
  }
  function hashOf(chosen) {
    var hash = window.Muster.sha256();
    function step(at) {
      progress('hashing', at, chosen.size);
      if (at >= chosen.size) return hash.hex();
      return chosen.slice(at, at + PIECE).arrayBuffer().then(function (piece) {
        hash.update(new Uint8Array(piece));
        return step(at + PIECE);
      });
    }
    return Promise.resolve(step(0));
  }
  // The upload of these bytes that this browser began earlier, else a new one.
  function begin(chosen, hash) {
    var path = form.elements.namedItem('site').value, key = 'upload.' + path + hash, known = localStorage.getItem(key);
    var found = known ? ask('GET', form.dataset.upload + '/' + known) : Promise.resolve({ ok: false });
    return found.then(function (answer) { return answer.ok ? answer.json() : null; }).then(function (upload) {
      if (upload && upload.state !== 'refused') return upload;
      return ask('POST', form.dataset.upload, JSON.stringify({ site: path, size_bytes: chosen.size, sha256: hash }), { 'Content-Type': 'application/json' })
        .then(function (answer) { return answer.ok ? answer.json() : refusal(answer); })
        .then(function (made) { localStorage.setItem(key, made.id); return made; });
    });
  }
  function send(chosen, upload, at, tries) {
    progress('uploading', at, chosen.size);
    if (upload.state === 'complete') return Promise.resolve(upload.id);
    return ask('PATCH', form.dataset.upload + '/' + upload.id, chosen.slice(at, at + PIECE), { 'Content-Type': 'application/octet-stream', 'Upload-Offset': String(at) })
      .then(function (answer) {
        // Another page sent the same bytes, or an answer was lost: the server says where the next piece begins.
        if (answer.status === 409 && answer.headers.get('Upload-Offset') !== null) return { state: 'open', id: upload.id, offset: Number(answer.headers.get('Upload-Offset')) };
        return answer.ok ? answer.json() : refusal(answer);
      })
      .then(function (next) { return send(chosen, next, next.offset, 0); }, function (error) {
        if (error.isFinal || tries >= TRIES) throw error;
        return wait(500 * Math.pow(2, tries)).then(function () { return send(chosen, upload, at, tries + 1); });
      });
  }
  function fail(error) {
    failed.hidden = false;
    failed.textContent = error.isFinal ? error.message : text('uploadBroken');
    says.textContent = '';
  }
  form.addEventListener('submit', function (event) {
    var chosen = file.files[0];
    if (!isUpload() || number.value || !chosen) return;
    event.preventDefault();
    if (busy) return;
    busy = button.disabled = true;
    failed.hidden = true;
    hashOf(chosen)
      .then(function (hash) { return begin(chosen, hash); })
      .then(function (upload) { return send(chosen, upload, upload.offset, 0); })
      .then(function (id) { number.value = id; form.submit(); })
      .catch(fail)
      .finally(function () { busy = button.disabled = false; });
  });
  file.addEventListener('change', function () { number.value = ''; failed.hidden = bar.hidden = true; says.textContent = ''; show(); });
  form.addEventListener('change', show);
  show();
})();
