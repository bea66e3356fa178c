// What lies over the film: the heat map, the boxes and the scale.

import { draw as drawBoxes } from "./boxes.js";

const SCALE_SHARE = 0.3; // of the canvas's width that the scale takes at most
const LENGTHS_MM = [200, 100, 50, 20, 10, 5, 2, 1];
// Dark to bright, as matplotlib's inferno runs; clear where the map is 0.
const WARMTH = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];

export class Overlay {
  constructor(canvas, film) {
    Object.assign(this, { canvas, film, opacity: 0.45 });
    this.context = canvas.getContext("2d");
  }

  // Decoding takes a moment, in which another box may be chosen: the last call counts.
  async setHeat(heat) {
    this.heat = undefined;
    const asked = (this.asked = (this.asked || 0) + 1);
    if (!heat?.png) return;
    const image = new Image();
    image.src = `data:image/png;base64,${heat.png}`;
    await image.decode();
    if (asked === this.asked) this.heat = { window: heat.window, picture: warmed(image) };
  }

  draw(marks, selected, sketch) {
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const size = { width: Math.round(width * ratio), height: Math.round(height * ratio) };
    if (this.canvas.width !== size.width || this.canvas.height !== size.height) Object.assign(this.canvas, size);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.clearRect(0, 0, width, height);
    if (!this.film.info) return;
    const style = getComputedStyle(document.documentElement);
    const colours = { accent: "#ffb02e", mark: "#4cc2ff", text: style.getPropertyValue("--text") };
    if (this.heat && this.opacity > 0) this.drawHeat();
    const boxes = sketch ? [...marks, { box: sketch, label: "", roi_id: "" }] : marks;
    drawBoxes(this.context, this.film, boxes, sketch ? "" : selected, colours);
    if (this.film.info.spacing_mm) this.drawScale(width, height);
  }

  drawHeat() {
    const [x, y, width, height] = this.heat.window;
    const start = this.film.toScreen({ x, y });
    this.context.globalAlpha = this.opacity;
    this.context.imageSmoothingQuality = "high";
    this.context.drawImage(this.heat.picture, start.x, start.y, width * this.film.scale, height * this.film.scale);
    this.context.globalAlpha = 1;
  }

  drawScale(width, height) {
    const perMm = this.film.scale / this.film.info.spacing_mm;
    const length = LENGTHS_MM.find((each) => each * perMm <= width * SCALE_SHARE) || 1;
    const [x, y, long] = [12, height - 14, length * perMm];
    for (const [colour, thick] of [["#000c", 5], ["#e8eef5", 2]]) {
      Object.assign(this.context, { strokeStyle: colour, lineWidth: thick });
      this.context.beginPath();
      this.context.moveTo(x, y - 6);
      this.context.lineTo(x, y);
      this.context.lineTo(x + long, y);
      this.context.lineTo(x + long, y - 6);
      this.context.stroke();
    }
    this.context.font = "600 12px system-ui, sans-serif";
    this.context.lineWidth = 3;
    this.context.strokeStyle = "#000c";
    this.context.strokeText(`${length} mm`, x + 4, y - 8);
    this.context.fillStyle = "#e8eef5";
    this.context.fillText(`${length} mm`, x + 4, y - 8);
  }
}

function warmed(image) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: image.width, height: image.height });
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const found = context.getImageData(0, 0, image.width, image.height);
  for (let place = 0; place < found.data.length; place += 4) {
    const value = found.data[place] / 255;
    found.data.set([...warmth(value), Math.round(255 * value)], place);
  }
  context.putImageData(found, 0, 0);
  return canvas;
}

function warmth(value) {
  const place = value * (WARMTH.length - 1);
  const below = Math.min(Math.floor(place), WARMTH.length - 2);
  return WARMTH[below].map((start, channel) => Math.round(start + (WARMTH[below + 1][channel] - start) * (place - below)));
}
