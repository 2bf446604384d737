package browsertest

// contrast lists texts whose contrast with the ground behind them is less than
// WCAG's AA wants: 4.5, or 3 for large ones. Colours may be written in any way:
// a canvas tells what they are.
const contrast = `(() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const rgba = (color) => {
    if (!known.has(color)) {
      context.clearRect(0, 0, 1, 1);
      context.fillStyle = color;
      context.fillRect(0, 0, 1, 1);
      known.set(color, [...context.getImageData(0, 0, 1, 1).data]);
    }
    return known.get(color);
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const box = e.querySelector?.(":scope > g > .box");
      if (box) return rgba(getComputedStyle(box).fill);
      const c = rgba(getComputedStyle(e).backgroundColor);
      if (c[3] > 250) return c;
    }
    return [255, 255, 255, 255];
  };
  const out = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = walker.nextNode(); n; n = walker.nextNode()) {
    const e = n.parentElement;
    if (!n.data.trim() || ["SCRIPT", "STYLE", "TITLE", "title", "OPTION"].includes(e.tagName)) continue;
    const style = getComputedStyle(e);
    const box = e.getBoundingClientRect();
    if (box.width === 0 || style.visibility === "hidden" || box.right < 0) continue;
    const svg = e instanceof SVGElement;
    const [a, b] = [light(rgba(svg ? style.fill : style.color)), light(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || parseFloat(style.fontSize) >= 18.6 && +style.fontWeight >= 700;
    if (ratio < (large ? 3 : 4.5)) out.add(e.tagName + "." + (e.className.baseVal ?? e.className) + " " + n.data.trim().slice(0, 30) + " " + ratio.toFixed(2));
  }
  return [...out].slice(0, 6).join("; ");
})()`
