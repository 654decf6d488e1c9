// Muster.text(key, values): what scripts say, from the translated <template id="strings">.
(function () {
  'use strict';
  var Muster = window.Muster = window.Muster || {};
  Muster.text = function (key, values) {
    var pattern = document.getElementById('strings').dataset[key] || key;
    return pattern.replace(/\{(\w+)\}/g, function (whole, name) {
      return values && name in values ? values[name] : whole;
    });
  };
  // Picks `keyOne` or `keyMany` by number; languages without plural forms carry the same text twice.
  Muster.count = function (key, n) { return Muster.text(key + (n === 1 ? 'One' : 'Many'), { n: n }); };
  // Seconds as a person reads them: 12 s, 4 min, 2 h 5 min, 3 d 4 h.
  Muster.span = function (seconds) {
    var s = Math.max(0, Math.round(seconds));
    if (s < 60) return Muster.text('seconds', { n: s });
    var minutes = Math.floor(s / 60), hours = Math.floor(minutes / 60);
    if (minutes < 60) return Muster.text('minutes', { n: minutes });
    if (hours < 24) return Muster.text('hours', { h: hours, n: minutes % 60 });
    return Muster.text('days', { d: Math.floor(hours / 24), h: hours % 24 });
  };
  // The time of day in the person's own zone, as the server writes times.
  var zone = document.body.dataset.zone, format = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', timeZone: zone || undefined });
  Muster.clock = function (date) { return format.format(date); };
})();
