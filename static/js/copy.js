// Copies the text of the element that a button names, and says so on the button and to a screen reader.
(function () {
  'use strict';
  function say(button, key) {
    var label = button.querySelector('[data-copy-label]');
    document.getElementById('announce').textContent = window.Muster.text(key);
    if (!label) return;
    label.dataset.before = label.dataset.before || label.textContent;
    label.textContent = window.Muster.text(key);
    clearTimeout(label.timer);
    label.timer = setTimeout(function () { label.textContent = label.dataset.before; }, 2500);
  }
  function copy(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    return Promise.reject(new Error('no clipboard outside a secure context'));
  }
  // Where the page is served without TLS to another machine the clipboard is closed; selecting is what remains.
  function select(element) {
    var range = document.createRange(), selection = getSelection();
    range.selectNodeContents(element);
    selection.removeAllRanges();
    selection.addRange(range);
    return document.execCommand('copy');
  }
  document.addEventListener('click', function (event) {
    var button = event.target.closest('[data-copy]');
    if (!button) return;
    var source = document.getElementById(button.dataset.copy);
    copy(source.textContent.trim()).then(
      function () { say(button, 'copied'); },
      function () { say(button, select(source) ? 'copied' : 'copyFailed'); });
  });
})();
