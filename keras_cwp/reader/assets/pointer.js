// Mouse, pen and touch on the film. The first button works with the tool in hand, the second sets the window, the
// middle one moves the film; the wheel zooms. Two fingers move and zoom whatever the tool.

import { fromCorners, moved, resized, under } from "./boxes.js";

const SLIP_PX = 3; // a shorter drag is a click

export function listen(canvas, film, desk) {
  const pointers = new Map();
  let drag;

  const place = (event) => {
    const frame = canvas.getBoundingClientRect();
    return { x: event.clientX - frame.left, y: event.clientY - frame.top };
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (!film.info) return;
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    if (pointers.size === 2) {
      drag?.cancel?.();
      drag = pinch(film, pointers);
    } else if (pointers.size === 1) {
      drag = begin(event, place(event), film, desk);
    }
    event.preventDefault();
    canvas.parentElement.focus({ preventScroll: true });
  });

  canvas.addEventListener("pointermove", (event) => {
    const point = place(event);
    if (!pointers.has(event.pointerId)) {
      canvas.style.cursor = cursor(point, film, desk);
      desk.hover(film.info && film.toFilm(point));
      return;
    }
    pointers.set(event.pointerId, point);
    drag?.move(point);
    desk.hover(film.info && film.toFilm(point));
  });

  const end = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    drag?.end?.();
    drag = undefined;
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("pointerleave", () => desk.hover(undefined));
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 30 : 1;
      film.zoom(Math.exp((-event.deltaY * lines) / 400), place(event));
    },
    { passive: false },
  );
}

function begin(event, point, film, desk) {
  if (event.button === 2) return windowing(point, desk);
  if (event.button === 1 || desk.tool === "pan") return panning(point, film);
  if (desk.tool === "window") return windowing(point, desk);
  const found = under(point, desk.marks, desk.selected, film, event.pointerType);
  return found ? changing(point, film, desk, found) : drawing(point, film, desk);
}

function panning(before, film) {
  return {
    move(point) {
      film.move(point.x - before.x, point.y - before.y);
      before = point;
    },
  };
}

function windowing(before, desk) {
  return {
    move(point) {
      desk.dragWindow(point.x - before.x, point.y - before.y);
      before = point;
    },
  };
}

function pinch(film, pointers) {
  const spread = () => {
    const [one, other] = [...pointers.values()];
    return {
      x: (one.x + other.x) / 2, y: (one.y + other.y) / 2, apart: Math.hypot(one.x - other.x, one.y - other.y) || 1,
    };
  };
  let before = spread();
  return {
    move() {
      if (pointers.size < 2) return;
      const now = spread();
      film.move(now.x - before.x, now.y - before.y);
      film.zoom(now.apart / before.apart, now);
      before = now;
    },
  };
}

function changing(start, film, desk, { mark, handle }) {
  const box = mark.box;
  let changed = false;
  desk.select(mark.roi_id);
  return {
    move(point) {
      if (!changed && Math.hypot(point.x - start.x, point.y - start.y) < SLIP_PX) return;
      if (!changed) desk.remember();
      changed = true;
      const [dx, dy] = [(point.x - start.x) / film.scale, (point.y - start.y) / film.scale];
      const next = handle === undefined ? moved(box, dx, dy, film.info) : resized(box, handle, dx, dy, film.info);
      if (next[2] > 0 && next[3] > 0) desk.place(mark.roi_id, next);
    },
    end() {
      if (changed) desk.placed();
    },
    cancel() {
      if (changed) desk.undo();
    },
  };
}

function drawing(start, film, desk) {
  const from = film.toFilm(start);
  let box;
  return {
    move(point) {
      if (!box && Math.hypot(point.x - start.x, point.y - start.y) < SLIP_PX) return;
      box = fromCorners(from, film.toFilm(point), film.info);
      desk.sketch(box);
    },
    end() {
      desk.sketch(undefined);
      if (box) desk.add(box);
      else desk.select(undefined);
    },
    cancel() {
      desk.sketch(undefined);
    },
  };
}

function cursor(point, film, desk) {
  if (!film.info) return "default";
  if (desk.tool === "pan") return "grab";
  if (desk.tool === "window") return "ns-resize";
  return under(point, desk.marks, desk.selected, film, "mouse")?.cursor || "crosshair";
}
