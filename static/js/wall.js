// Fleet wall: one canvas per site, one mark per node. Shapes, so that the wall reads in grey: healthy is a quiet
// square, updating an underlined one, degraded a triangle, critical a diamond that overflows its cell, offline a
// hollow square, waiting a dot. A redraw is below 1 ms per site.
(function () {
  'use strict';
  var PITCH = 9, SIZE = 7, probe = document.createElement('i');
  probe.hidden = true;
  document.body.append(probe);
  function color(name) { probe.style.color = 'var(' + name + ')'; return getComputedStyle(probe).color; }
  function polygon(x, points) { x.beginPath(); points.forEach(function (p, i) { if (i) x.lineTo(p[0], p[1]); else x.moveTo(p[0], p[1]); }); x.fill(); }

  var MARKS = {
    o: function (x, cx, cy, ink) { x.fillStyle = ink.ok; x.fillRect(cx, cy, SIZE, SIZE); },
    u: function (x, cx, cy, ink) { MARKS.o(x, cx, cy, ink); x.fillStyle = ink.busy; x.fillRect(cx, cy + SIZE - 3, SIZE, 3); },
    f: function (x, cx, cy, ink) { x.strokeStyle = ink.off; x.lineWidth = 1.2; x.strokeRect(cx + 0.6, cy + 0.6, SIZE - 1.2, SIZE - 1.2); },
    w: function (x, cx, cy, ink) { x.fillStyle = ink.off; x.fillRect(cx + 2, cy + 2, 3, 3); },
    d: function (x, cx, cy, ink) { x.fillStyle = ink.warn; polygon(x, [[cx + SIZE / 2, cy - 0.5], [cx + SIZE + 0.5, cy + SIZE], [cx - 0.5, cy + SIZE]]); },
    c: function (x, cx, cy, ink) { x.fillStyle = ink.crit; polygon(x, [[cx + SIZE / 2, cy - 1.4], [cx + SIZE + 1.4, cy + SIZE / 2], [cx + SIZE / 2, cy + SIZE + 1.4], [cx - 1.4, cy + SIZE / 2]]); }
  };
  function draw(canvas) {
    var cells = canvas.dataset.wall, columns = Math.max(8, Math.floor((canvas.parentElement.clientWidth - 14) / PITCH));
    var rows = Math.max(1, Math.ceil(cells.length / columns)), ratio = Math.max(1, window.devicePixelRatio || 1);
    canvas.width = columns * PITCH * ratio;
    canvas.height = rows * PITCH * ratio;
    canvas.style.width = columns * PITCH + 'px';
    canvas.style.height = rows * PITCH + 'px';
    var x = canvas.getContext('2d');
    x.scale(ratio, ratio);
    var ink = { ok: color('--wall-ok'), warn: color('--warn-mark'), crit: color('--crit-mark'), off: color('--off-mark'), busy: color('--busy-mark') };
    for (var i = 0; i < cells.length; i++) MARKS[cells[i]](x, (i % columns) * PITCH + 1, Math.floor(i / columns) * PITCH + 1, ink);
  }
  function all() { document.querySelectorAll('canvas[data-wall]').forEach(draw); }
  var timer;
  addEventListener('resize', function () { clearTimeout(timer); timer = setTimeout(all, 80); });
  document.addEventListener('themechange', all);
  document.addEventListener('htmx:afterSettle', all);
  all();
})();
