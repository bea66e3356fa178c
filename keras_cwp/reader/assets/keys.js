// What each key does: one table, for the keyboard and for the help.

export const KEYS = [
  ["N", "next film", (page) => page.go(1)],
  ["P", "previous film", (page) => page.go(-1)],
  ["S", "film whose label would teach most", (page) => page.suggest()],
  ["D", "film done, and on to the next", (page) => page.finish()],
  ["C", "new box in the middle of what is seen", (page) => page.create()],
  ["]", "next box", (page) => page.cycle(1)],
  ["[", "previous box", (page) => page.cycle(-1)],
  ["1 … 9", "label of the box", undefined],
  ["Delete", "remove the box", (page) => page.remove()],
  ["Arrows", "move the box, or the film where no box is chosen; with Alt by 1 pixel", undefined],
  ["Shift + arrows", "size of the box; with Alt by 1 pixel", undefined],
  ["Z", "undo", (page) => page.undo()],
  ["Escape", "no box chosen", (page) => page.select(undefined)],
  ["H", "heat map on or off", (page) => page.toggleHeat()],
  ["B", "tool: boxes", (page) => page.take("box")],
  ["M", "tool: move the film", (page) => page.take("pan")],
  ["W", "tool: window", (page) => page.take("window")],
  ["V", "next window preset", (page) => page.nextPreset()],
  ["I", "invert", (page) => page.invert()],
  ["+", "larger", (page) => page.film.zoom(1.25)],
  ["-", "smaller", (page) => page.film.zoom(0.8)],
  ["0", "whole film", (page) => page.film.fit()],
  ["T", "patient id", (page) => page.focusPatient()],
  ["G", "agreement of two readers", (page) => page.showAgreement()],
  ["R", "change the reader", (page) => page.askReader()],
  ["L", "light or dark", (page) => page.toggleTheme()],
  ["?", "these keys", (page) => page.showKeys()],
];
const ALSO = { Backspace: "Delete", "=": "+", _: "-" };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const MOUSE = [
  ["Drag", "draw a box; on a box: move it, on its corners and edges: size"],
  ["Right drag", "window: across for contrast, up and down for brightness"],
  ["Middle drag, two fingers", "move the film"],
  ["Wheel, two fingers", "zoom"],
];

export function listen(page) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || document.querySelector("dialog[open]") || isTyping(event.target)) return;
    if (act(event, page)) event.preventDefault();
  });
}

function act(event, page) {
  if (ARROWS[event.key]) {
    if (event.target.closest?.("#list, #filter")) return false;
    const [x, y] = ARROWS[event.key];
    page.nudge(x, y, event.shiftKey, event.altKey);
    return true;
  }
  if (event.altKey) return false;
  if (/^[1-9]$/.test(event.key)) return page.label(Number(event.key) - 1);
  const key = ALSO[event.key] || (event.key.length === 1 ? event.key.toUpperCase() : event.key);
  const found = KEYS.find(([name, , action]) => action && name === key);
  if (found) found[2](page);
  return Boolean(found);
}

function isTyping(target) {
  return target.matches?.("input:not([type=range]), select, textarea");
}

export function fill(place) {
  const rows = [...KEYS.map(([name, said]) => [name, said]), ...MOUSE];
  const half = Math.ceil(rows.length / 2);
  place.replaceChildren(table(rows.slice(0, half)), table(rows.slice(half)));
}

function table(rows) {
  const made = document.createElement("table");
  for (const [name, said] of rows) {
    const row = made.insertRow();
    const key = document.createElement("kbd");
    key.textContent = name;
    row.insertCell().append(key);
    row.insertCell().textContent = said;
  }
  return made;
}
