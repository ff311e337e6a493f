// Faults of each plot of the page, as a reader would notice them: one list of sentences per plot.
() => [...document.querySelectorAll(".js-plotly-plot")].map(plot => {
  const faults = [];
  const frame = plot.getBoundingClientRect();
  const round = value => Math.round(value);
  const all = (parent, selector) => [...parent.querySelectorAll(selector)];

  // Corners of a text on the screen, turned as it is, without the space above and below its letters.
  const corners = node => {
    const box = node.getBBox(), matrix = node.getScreenCTM();
    const [top, bottom] = [box.y + 0.18 * box.height, box.y + 0.82 * box.height];
    return [[box.x, top], [box.x + box.width, top], [box.x + box.width, bottom], [box.x, bottom]].map(
      ([x, y]) => [matrix.a * x + matrix.c * y + matrix.e, matrix.b * x + matrix.d * y + matrix.f]);
  };
  const texts = all(plot, "svg text").flatMap(text => {
    const style = getComputedStyle(text);
    if (!text.textContent.trim() || style.visibility === "hidden" || style.display === "none" ||
        style.opacity === "0" || text.closest("defs, .hoverlayer, .modebar, .axis-brush")) return [];
    const lines = all(text, "tspan.line");
    return (lines.length ? lines : [text]).filter(line => line.textContent.trim()).map(
      line => ({text: line.textContent, at: corners(line), of: text}));
  });

  // Two quadrilaterals overlap unless an edge of one of them parts them (separating axis theorem).
  const parted = (a, b) => a.some(([x, y], i) => {
    const [x2, y2] = a[(i + 1) % a.length];
    const across = points => points.map(([px, py]) => (px - x) * (y2 - y) - (py - y) * (x2 - x));
    const length = Math.hypot(x2 - x, y2 - y) || 1;
    const [one, other] = [across(a), across(b)];
    return Math.max(...one) <= Math.min(...other) + length || Math.max(...other) <= Math.min(...one) + length;
  });
  texts.forEach((one, i) => texts.slice(i + 1).forEach(other => {
    if (one.of !== other.of && !parted(one.at, other.at) && !parted(other.at, one.at))
      faults.push(`text over text: ${one.text} | ${other.text}`);
  }));
  texts.forEach(({text, at}) => at.forEach(([x, y]) => {
    const out = Math.max(frame.left - x, x - frame.right, frame.top - y, y - frame.bottom);
    if (out > 0.5) faults.push(`cut at the frame by ${round(out)} px: ${text}`);
  }));

  // Marks: points, bars, error bars and lines, each in the area between its own axes.
  const marks = [];
  const areas = {};
  all(plot, "rect.nsewdrag").forEach(area => { areas[area.dataset.subplot] = area.getBoundingClientRect(); });
  all(plot, ".cartesianlayer g.subplot").forEach(subplot => {
    const area = areas[[...subplot.classList].find(name => name !== "subplot")];
    all(subplot, ".plot path.point, .plot .point > path, .plot path.xerror, .plot path.yerror, .plot path.js-line")
      .forEach(mark => {
        const box = mark.getBoundingClientRect();
        if (!mark.getAttribute("d") || mark.closest("defs")) return;
        marks.push({mark, box});
        const out = Math.max(area.left - box.left, box.right - area.right, area.top - box.top, box.bottom - area.bottom);
        if (out > 2) faults.push(`mark outside of the axes by ${round(out)} px: ${mark.getAttribute("class") || "bar"}`);
      });
    all(subplot, ".heatmaplayer image").forEach(image => {
      const box = image.getBoundingClientRect();
      if (Math.abs(box.width - area.width) > 8 || Math.abs(box.height - area.height) > 8)
        faults.push("cells do not fill the axes");
    });
  });

  all(plot, "g.legend > rect.bg").forEach(legend => {
    const box = legend.getBoundingClientRect();
    const inside = (x, y) => x > box.left + 1 && x < box.right - 1 && y > box.top + 1 && y < box.bottom - 1;
    const covered = marks.filter(({mark, box: at}) => {
      if (at.right < box.left || at.left > box.right || at.bottom < box.top || at.top > box.bottom) return false;
      if (!mark.matches(".js-line")) return at.right > box.left + 1 && at.left < box.right - 1 &&
        at.bottom > box.top + 1 && at.top < box.bottom - 1;
      const matrix = mark.getScreenCTM(), length = mark.getTotalLength();
      return Array.from({length: 201}, (_, i) => mark.getPointAtLength(length * i / 200)).some(
        p => inside(matrix.a * p.x + matrix.c * p.y + matrix.e, matrix.b * p.x + matrix.d * p.y + matrix.f));
    });
    if (covered.length) faults.push(`the legend lies over ${covered.length} marks`);
    if (box.bottom > frame.bottom + 0.5 || box.right > frame.right + 0.5) faults.push("the legend is cut at the frame");
  });

  // Each number of a heat map stands in the middle of a cell, and it is the number of that cell.
  (plot._fullData || []).filter(trace => trace.type === "heatmap").forEach(trace => {
    const area = areas[`${trace.xaxis}${trace.yaxis}`];
    const axes = ["x", "y"].map(letter => plot._fullLayout[trace[`${letter}axis`].replace(letter, `${letter}axis`)]);
    const notes = plot._fullLayout.annotations || [];
    const placed = all(plot, ".annotation").filter(node => {
      const note = notes[Number(node.dataset.index)];
      return note && note.xref === trace.xaxis && note.yref === trace.yaxis;
    }).flatMap(node => all(node, ".annotation-text"));
    const taken = new Set();
    [...all(plot, ".heatmap-label text"), ...placed].forEach(node => {
      const box = node.getBoundingClientRect(), lines = all(node, "tspan.line");
      const text = (lines.length ? lines : [node]).map(line => line.textContent).join(" ");
      // Cells have whole numbers on both axes; the second one goes up.
      const across = ((box.left + box.right) / 2 - area.left) / area.width;
      const up = (area.bottom - (box.top + box.bottom) / 2) / area.height;
      const [x, y] = [across, up].map((share, i) => axes[i].range[0] + share * (axes[i].range[1] - axes[i].range[0]));
      const [column, row] = [Math.round(x), Math.round(y)];
      if (!(row in trace.z) || !(column in trace.z[row])) return faults.push(`a number outside of the cells: ${text}`);
      const [width, height] = [area.width / trace.z[0].length, area.height / trace.z.length];
      if (Math.abs(x - column) * width > 4 || Math.abs(y - row) * height > 4) faults.push(`a number beside its cell: ${text}`);
      if (box.width > width) faults.push(`a number wider than its cell: ${text}`);
      if (taken.has(`${row},${column}`)) faults.push(`two numbers in one cell: ${text}`);
      taken.add(`${row},${column}`);
      const value = trace.z[row][column];
      const found = text.match(/\d[\d,]*(\.\d+)?( ?%)?/g) || [];
      const is = number => {
        const plain = number.replace(/[,% ]/g, ""), unit = number.includes("%") ? 100 : 1;
        return Math.abs(Number(plain) / unit - value) <= 0.501 / unit / 10 ** (plain.split(".")[1] || "").length;
      };
      if (value === null || !Number.isFinite(value) ? /^[★ ]*\d/.test(text) : !found.some(is))
        faults.push(`another cell's number: ${text} where ${value} is`);
    });
    // Plotly hides what lies off the axes; where some cells have numbers, all with a value have.
    if (taken.size) trace.z.forEach((cells, row) => Array.from(cells).forEach((value, column) => {
      if (Number.isFinite(value) && !taken.has(`${row},${column}`)) faults.push(`a cell without its number: ${value}`);
    }));
  });
  return [...new Set(faults)];
})
