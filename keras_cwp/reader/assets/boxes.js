// Boxes on a film: what lies under a point, how a drag changes a box, and drawing them.
// A box is [x, y, width, height] in pixels of the film, as the server and the ROI table have it.

export const LEAST_PX = 4; // side of a box; less is a slip of the hand
const HANDLES = [[0, 0], [0.5, 0], [1, 0], [1, 0.5], [1, 1], [0.5, 1], [0, 1], [0, 0.5]];
const REACH = { mouse: 8, pen: 12, touch: 22 }; // CSS pixels around a handle
const CURSORS = ["nwse", "ns", "nesw", "ew", "nwse", "ns", "nesw", "ew"];

export function fromCorners(one, other, info) {
  const x = clamp(Math.min(one.x, other.x), 0, info.width);
  const y = clamp(Math.min(one.y, other.y), 0, info.height);
  const right = clamp(Math.max(one.x, other.x), 0, info.width);
  const bottom = clamp(Math.max(one.y, other.y), 0, info.height);
  return [x, y, right - x, bottom - y].map(hundredth);
}

export function moved([x, y, width, height], dx, dy, info) {
  return [clamp(x + dx, 0, info.width - width), clamp(y + dy, 0, info.height - height), width, height].map(hundredth);
}

export function resized([x, y, width, height], handle, dx, dy, info) {
  const [h, v] = HANDLES[handle];
  const left = h === 0 ? x + dx : x;
  const right = h === 1 ? x + width + dx : x + width;
  const top = v === 0 ? y + dy : y;
  const bottom = v === 1 ? y + height + dy : y + height;
  return fromCorners({ x: left, y: top }, { x: right, y: bottom }, info);
}

// The handle of the selected box, else the smallest box around the point; undefined for neither.
export function under(point, marks, selected, film, pointerType) {
  const reach = REACH[pointerType] || REACH.mouse;
  const own = marks.find((mark) => mark.roi_id === selected);
  if (own) {
    const handle = HANDLES.findIndex((each) => distance(film.toScreen(corner(own.box, each)), point) <= reach);
    if (handle >= 0) return { mark: own, handle, cursor: `${CURSORS[handle]}-resize` };
  }
  const at = film.toFilm(point);
  const around = marks.filter(({ box: [x, y, width, height] }) => at.x >= x && at.y >= y && at.x <= x + width && at.y <= y + height);
  around.sort((one, other) => area(one) - area(other));
  const inner = own && around.includes(own) ? own : around[0];
  return inner && { mark: inner, cursor: "move" };
}

export function usable([, , width, height]) {
  return width >= LEAST_PX && height >= LEAST_PX;
}

export function draw(context, film, marks, selected, colours) {
  marks.forEach((mark, number) => {
    const start = film.toScreen({ x: mark.box[0], y: mark.box[1] });
    const [width, height] = [mark.box[2] * film.scale, mark.box[3] * film.scale];
    const chosen = mark.roi_id === selected;
    context.setLineDash(mark.label ? [] : [6, 4]);
    context.lineWidth = chosen ? 4 : 3;
    context.strokeStyle = "#000a"; // a dark rim, so that a box is seen on bone as on air
    context.strokeRect(start.x, start.y, width, height);
    context.lineWidth = chosen ? 2 : 1.5;
    context.strokeStyle = chosen ? colours.accent : colours.mark;
    context.strokeRect(start.x, start.y, width, height);
    context.setLineDash([]);
    tag(context, `${number + 1} ${mark.label}`.trim(), start, chosen ? colours.accent : colours.mark);
    if (chosen) handles(context, film, mark.box, colours.accent);
  });
}

function tag(context, text, start, colour) {
  context.font = "600 12px system-ui, sans-serif";
  const width = context.measureText(text).width + 8;
  const edge = context.canvas.clientWidth;
  const x = start.x < edge ? Math.min(start.x, edge - width) : start.x; // whole at the right edge too
  const { y } = start;
  const top = y >= 18 ? y - 18 : y;
  context.fillStyle = "#000b";
  context.fillRect(x, top, width, 18);
  context.fillStyle = colour;
  context.fillText(text, x + 4, top + 13);
}

function handles(context, film, box, colour) {
  context.fillStyle = colour;
  for (const each of HANDLES) {
    const { x, y } = film.toScreen(corner(box, each));
    context.fillRect(x - 4, y - 4, 8, 8);
  }
}

function corner([x, y, width, height], [h, v]) {
  return { x: x + width * h, y: y + height * v };
}

function distance(one, other) {
  return Math.max(Math.abs(one.x - other.x), Math.abs(one.y - other.y));
}

const area = (mark) => mark.box[2] * mark.box[3];
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const hundredth = (value) => Math.round(value * 100) / 100;
