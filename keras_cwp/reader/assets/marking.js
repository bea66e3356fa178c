// What is marked on the open film, and each way to change it. The page is built on this.

import { moved, resized, usable } from "./boxes.js";

const find = (name) => document.getElementById(name);
const STEP_PX = 8; // of the screen, by an arrow key
const PAN_PX = 40; // of the screen, by an arrow key where no box is chosen
const USUAL_SHARE = 0.035; // of the film's area: a new box where the model does not say
const MOST_UNDO = 100;

export class Marking {
  constructor() {
    Object.assign(this, { marks: [], selected: undefined, past: [] });
  }

  get mark() {
    return this.marks.find((mark) => mark.roi_id === this.selected);
  }

  select(roiId, reveal = false) {
    this.selected = roiId;
    if (reveal && this.mark) this.film.reveal(this.mark.box);
    this.show();
  }

  cycle(step) {
    if (!this.marks.length) return;
    const place = this.marks.findIndex((mark) => mark.roi_id === this.selected);
    this.select(this.marks[(place + step + this.marks.length) % this.marks.length].roi_id, true);
  }

  add(box) {
    if (!usable(box)) return;
    this.remember();
    const random = crypto.getRandomValues(new Uint32Array(1))[0].toString(36);
    const mark = { roi_id: `${this.reader}-${Date.now().toString(36)}${random}`, box, label: "" };
    this.marks.push(mark);
    this.select(mark.roi_id);
    this.keeper.changed();
  }

  create() {
    if (!this.info) return;
    const { clientWidth, clientHeight } = find("film");
    const middle = this.film.toFilm({ x: clientWidth / 2, y: clientHeight / 2 });
    const share = Math.sqrt(this.study.box_share || USUAL_SHARE);
    const side = Math.min(share * Math.sqrt(this.info.width * this.info.height), this.info.width, this.info.height);
    this.add(moved([middle.x - side / 2, middle.y - side / 2, side, side], 0, 0, this.info));
  }

  place(roiId, box) {
    this.marks.find((mark) => mark.roi_id === roiId).box = box;
    this.redraw();
  }

  placed() {
    this.show();
    this.keeper.changed();
  }

  sketch(box) {
    this.drawn = box;
    this.redraw();
    this.readOut();
  }

  remove(roiId = this.selected) {
    if (!this.marks.some((mark) => mark.roi_id === roiId)) return;
    this.remember();
    this.marks = this.marks.filter((mark) => mark.roi_id !== roiId);
    this.select(this.selected === roiId ? undefined : this.selected);
    this.keeper.changed();
  }

  nudge(x, y, sizes, fine) {
    if (!this.mark) return this.film.move(-x * PAN_PX, -y * PAN_PX);
    const step = fine ? 1 : Math.max(1, Math.round(STEP_PX / this.film.scale));
    const change = sizes ? resized(this.mark.box, 4, x * step, y * step, this.info) : moved(this.mark.box, x * step, y * step, this.info);
    if (!usable(change)) return;
    this.remember();
    this.mark.box = change;
    this.placed();
  }

  label(place) {
    const button = find("labelling").hidden ? undefined : find("labels").children[place];
    button?.click();
    return Boolean(button);
  }

  labelWith(name) {
    this.remember();
    this.mark.label = name;
    this.placed();
  }

  remember() {
    this.past.push(JSON.stringify(this.marks));
    if (this.past.length > MOST_UNDO) this.past.shift();
  }

  undo() {
    const before = this.past.pop();
    if (before === undefined) return;
    this.marks = JSON.parse(before);
    this.select(this.mark ? this.selected : undefined);
    this.keeper.changed();
  }
}
