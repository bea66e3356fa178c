// The film on its canvas: grey values of 8 or 16 bits are windowed here, for the pixels that are seen only.
// Enlarged, grey values are interpolated before the window; reduced, they come from a pyramid of halved films.

const LEAST_PX = 512; // the pyramid ends when the longer side is below
const MOST_SCALE = 16; // screen pixels for one of the film

export class Film {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.scale = 1; // CSS pixels for one of the film
    this.x = 0; // film coordinates of the canvas's left upper corner
    this.y = 0;
    this.invert = false;
    this.levels = [];
    this.pending = 0;
    this.listeners = [];
  }

  onView(listener) {
    this.listeners.push(listener);
  }

  show(info, grey) {
    this.info = info;
    this.levels = [{ pixels: grey, width: info.width, height: info.height }];
    while (Math.max(this.last.width, this.last.height) > LEAST_PX) this.levels.push(halved(this.last));
    this.shades = new Uint8Array(info.white + 1);
    this.preset(0);
    this.fit();
  }

  clear() {
    this.levels = [];
    this.info = undefined;
    this.draw();
  }

  get last() {
    return this.levels[this.levels.length - 1];
  }

  preset(number) {
    const { low, high, curve } = this.info.presets[number];
    this.window(low, high, curve);
  }

  window(low, high, curve = []) {
    Object.assign(this, { low, high, curve });
    this.tone();
  }

  // Drag: to the right for a wider window (less contrast), down for a higher one (darker), as PACS viewers do.
  dragWindow(dx, dy) {
    const range = this.info.white;
    const width = Math.max(range / 500, (this.high - this.low) * Math.exp(dx / 250));
    const middle = (this.low + this.high) / 2 + (dy / 400) * Math.min(range, width * 2);
    this.window(middle - width / 2, middle + width / 2);
  }

  toggleInvert() {
    this.invert = !this.invert;
    this.tone();
  }

  tone() {
    const { shades, low, high, curve } = this;
    const slope = 255 / Math.max(high - low, 1e-6);
    for (let value = 0; value < shades.length; value++) {
      const shade = curve.length ? along(curve, value / (shades.length - 1)) : (value - low) * slope;
      const bounded = shade < 0 ? 0 : shade > 255 ? 255 : shade;
      shades[value] = Math.round(this.invert ? 255 - bounded : bounded);
    }
    this.ask();
  }

  fit() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!this.info || !width || !height) return;
    this.scale = Math.min(width / this.info.width, height / this.info.height);
    this.x = (this.info.width - width / this.scale) / 2;
    this.y = (this.info.height - height / this.scale) / 2;
    this.fitted = true;
    this.ask();
  }

  resize() {
    if (this.fitted) this.fit();
    this.ask();
  }

  zoom(factor, at) {
    if (!this.info) return;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const place = at || { x: width / 2, y: height / 2 };
    const least = Math.min(width / this.info.width, height / this.info.height) / 2;
    const before = this.toFilm(place);
    this.scale = Math.min(MOST_SCALE, Math.max(least, this.scale * factor));
    this.x = before.x - place.x / this.scale;
    this.y = before.y - place.y / this.scale;
    this.fitted = false;
    this.keepInSight();
  }

  move(dx, dy) {
    if (!this.info) return;
    this.x -= dx / this.scale;
    this.y -= dy / this.scale;
    this.fitted = false;
    this.keepInSight();
  }

  // The middle of the canvas stays on the film.
  keepInSight() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const half = { x: width / this.scale / 2, y: height / this.scale / 2 };
    this.x = Math.min(Math.max(this.x, -half.x), this.info.width - half.x);
    this.y = Math.min(Math.max(this.y, -half.y), this.info.height - half.y);
    this.ask();
  }

  reveal([x, y, width, height]) {
    const screen = { x: this.canvas.clientWidth / this.scale, y: this.canvas.clientHeight / this.scale };
    if (x < this.x || x + width > this.x + screen.x) this.x = x + width / 2 - screen.x / 2;
    if (y < this.y || y + height > this.y + screen.y) this.y = y + height / 2 - screen.y / 2;
    this.ask();
  }

  toFilm({ x, y }) {
    return { x: this.x + x / this.scale, y: this.y + y / this.scale };
  }

  toScreen({ x, y }) {
    return { x: (x - this.x) * this.scale, y: (y - this.y) * this.scale };
  }

  valueAt({ x, y }) {
    const [column, row] = [Math.floor(x), Math.floor(y)];
    const { width, height, pixels } = this.levels[0];
    return column >= 0 && row >= 0 && column < width && row < height ? pixels[row * width + column] : undefined;
  }

  ask() {
    if (!this.pending) this.pending = requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.pending = 0;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const width = Math.round(this.canvas.clientWidth * ratio);
    const height = Math.round(this.canvas.clientHeight * ratio);
    if (!width || !height) return;
    if (this.canvas.width !== width || this.canvas.height !== height) {
      Object.assign(this.canvas, { width, height });
      this.image = undefined;
    }
    this.image ||= this.context.createImageData(width, height);
    const screen = new Uint32Array(this.image.data.buffer);
    if (this.levels.length) this.fill(screen, width, height, this.scale * ratio);
    else screen.fill(0xff000000);
    this.context.putImageData(this.image, 0, 0);
    this.listeners.forEach((listener) => listener());
  }

  // Two neighbours along each axis with their weights: the columns are found once, not for each row.
  fill(screen, width, height, scale) {
    let number = 0;
    while (number + 1 < this.levels.length && scale * 2 ** (number + 1) <= 1) number++;
    const level = this.levels[number];
    const columns = taps(this.x, scale, width, level.width, number);
    const rows = taps(this.y, scale, height, level.height, number);
    const { pixels } = level;
    const { shades } = this;
    for (let row = 0, place = 0; row < height; row++) {
      if (rows.outside[row]) {
        screen.fill(0xff000000, place, place + width);
        place += width;
        continue;
      }
      const upper = rows.first[row] * level.width;
      const lower = rows.second[row] * level.width;
      const down = rows.weight[row];
      for (let column = 0; column < width; column++, place++) {
        if (columns.outside[column]) {
          screen[place] = 0xff000000;
          continue;
        }
        const left = columns.first[column];
        const right = columns.second[column];
        const across = columns.weight[column];
        const above = pixels[upper + left] + (pixels[upper + right] - pixels[upper + left]) * across;
        const below = pixels[lower + left] + (pixels[lower + right] - pixels[lower + left]) * across;
        const shade = shades[(above + (below - above) * down + 0.5) | 0];
        screen[place] = 0xff000000 | (shade << 16) | (shade << 8) | shade;
      }
    }
  }
}

function taps(start, scale, count, length, level) {
  const found = {
    first: new Int32Array(count), second: new Int32Array(count), weight: new Float32Array(count),
    outside: new Uint8Array(count),
  };
  const step = 2 ** level;
  for (let index = 0; index < count; index++) {
    const place = (start + (index + 0.5) / scale) / step;
    found.outside[index] = place < 0 || place >= length;
    const centre = Math.min(Math.max(place - 0.5, 0), length - 1);
    found.first[index] = Math.floor(centre);
    found.second[index] = Math.min(found.first[index] + 1, length - 1);
    found.weight[index] = centre - found.first[index];
  }
  return found;
}

function halved({ pixels, width, height }) {
  const half = { width: Math.ceil(width / 2), height: Math.ceil(height / 2) };
  half.pixels = new pixels.constructor(half.width * half.height);
  for (let row = 0; row < half.height; row++) {
    const upper = 2 * row * width;
    const lower = Math.min(2 * row + 1, height - 1) * width;
    for (let column = 0; column < half.width; column++) {
      const left = 2 * column;
      const right = Math.min(left + 1, width - 1);
      const sum = pixels[upper + left] + pixels[upper + right] + pixels[lower + left] + pixels[lower + right];
      half.pixels[row * half.width + column] = (sum + 2) >> 2;
    }
  }
  return half;
}

function along(curve, share) {
  const place = share * (curve.length - 1);
  const below = Math.min(Math.floor(place), curve.length - 2);
  return curve[below] + (curve[below + 1] - curve[below]) * (place - below);
}
