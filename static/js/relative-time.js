// Keeps ages and countdowns true between two answers of the server.
//   <span data-age="12.5">   seconds old when it was sent; grows
//   <span data-expires-in="1800">   seconds left when it was sent; shrinks
(function () {
  'use strict';
  var born = new WeakMap();
  function since(element, value) {
    var known = born.get(element);
    if (!known || known.value !== value) born.set(element, known = { value: value, at: performance.now() });
    return (performance.now() - known.at) / 1000;
  }
  function tick() {
    document.querySelectorAll('[data-age]').forEach(function (element) {
      var value = element.dataset.age;
      if (value) element.textContent = window.Muster.span(parseFloat(value) + since(element, value));
    });
    document.querySelectorAll('[data-expires-in]').forEach(function (element) {
      var value = element.dataset.expiresIn, left = Math.max(0, Math.floor(parseFloat(value) - since(element, value)));
      element.textContent = left ? window.Muster.text('expires', { m: Math.floor(left / 60), s: left % 60 }) : window.Muster.text('expired');
    });
  }
  setInterval(tick, 1000);
  document.addEventListener('htmx:afterSettle', tick);
  tick();
})();
