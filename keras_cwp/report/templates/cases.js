// Looking through the ROIs of a report. It reads #case-data, asks the network for nothing, and puts names on the page
// as text only.
"use strict";
(() => {
  const CHUNK = 60; // thumbnails made at once
  const STRONGEST = 0.55; // opacity of a map where it is 1, as explain/overlay.py has it
  const PLAIN = { level: 127.5, window: 255 };
  const find = (id) => document.getElementById(id);
  const data = JSON.parse(find("case-data").textContent);
  const { classes, cases, films, groups, palette } = data;
  const filter = { truth: null, called: null, right: null, groups: groups.map(() => null) };
  let order = []; // numbers of the cases that are shown
  let at = 0; // place in `order`
  let made = 0; // thumbnails of `order` that exist
  let grey = null; // ImageData of the crop
  let heat = null; // ImageData of the map at the crop's size; null: withheld

  const element = (tag, text = "", properties = {}) => {
    const made = document.createElement(tag);
    made.textContent = text;
    return Object.assign(made, properties);
  };
  const percent = (p) => `${(100 * p).toFixed(p > 0.995 && p < 1 ? 1 : 0)}\u00a0%`;
  const state = (one) => (one.truth < 0 ? "" : one.truth === one.called ? "right" : "wrong");
  const said = (one) => {
    const answer = `${classes[one.called]}, ${percent(one.p[one.called])}`;
    if (one.truth < 0) return `called ${answer}; no label`;
    return one.truth === one.called ? `correct: ${answer}` : `wrong: ${classes[one.truth]} was called ${answer}`;
  };
  const ofTruth = (one) => (one.truth < 0 ? 2 : one.p[one.truth]);
  const SORTS = {
    error: (a, b) => ofTruth(a) - ofTruth(b),
    doubt: (a, b) => a.p[a.called] - b.p[b.called],
    sure: (a, b) => b.p[b.called] - a.p[a.called],
    patient: (a, b) => a.patient - b.patient || a.film - b.film,
  };

  // -- what is shown -------------------------------------------------------------------------------------------------
  const passes = (one) =>
    (filter.truth === null || one.truth === filter.truth) &&
    (filter.called === null || one.called === filter.called) &&
    (filter.right === null || state(one) === filter.right) &&
    filter.groups.every((value, number) => value === null || one.groups[number] === value);

  const update = () => {
    const by = SORTS[find("case-sort").value];
    order = cases.map((_, number) => number).filter((number) => passes(cases[number]));
    order.sort((a, b) => by(cases[a], cases[b]) || a - b);
    const noun = order.length === 1 ? "ROI" : "ROIs";
    find("case-count").textContent = `${order.length.toLocaleString("en")} ${noun} of ${cases.length.toLocaleString("en")}.`;
    find("case-grid").replaceChildren();
    made = 0;
    for (const button of find("case-matrix").querySelectorAll("button")) {
      const pressed = +button.dataset.truth === filter.truth && +button.dataset.called === filter.called;
      button.setAttribute("aria-pressed", String(pressed));
    }
    extend(CHUNK);
    show(0);
  };

  const extend = (upTo) => {
    for (; made < Math.min(upTo, order.length); made += 1) {
      const one = cases[order[made]];
      const place = made;
      const title = one.map ? said(one) : `${said(one)}; heat map withheld`;
      const className = one.map ? state(one) : `${state(one)} withheld`;
      const button = element("button", "", { type: "button", className, title });
      button.append(element("img", "", { src: one.crop, alt: `ROI ${one.roi}, ${title}`, loading: "lazy" }));
      button.addEventListener("click", () => {
        show(place);
        const { top, bottom } = find("case-crop").getBoundingClientRect();
        if (top + bottom < 0) find("case-crop").scrollIntoView(); // on a phone it lies out of sight
      });
      find("case-grid").append(button);
    }
  };

  const show = async (place) => {
    at = Math.max(0, Math.min(place, order.length - 1));
    extend(at + CHUNK / 2);
    const one = cases[order[at]];
    find("case-place").textContent = one ? `${at + 1} of ${order.length}` : "none";
    mark();
    describe(one);
    drawFilm(one);
    const [crop, map] = one ? await Promise.all([pixels(one.crop), one.map ? pixels(one.map, one.crop) : null]) : [];
    if (one !== cases[order[at]]) return; // another was asked for meanwhile
    [grey, heat] = [crop ?? null, map ?? null];
    draw();
  };

  const mark = () => {
    const grid = find("case-grid");
    grid.querySelector("[aria-current]")?.removeAttribute("aria-current");
    const button = grid.children[at];
    if (!button) return;
    button.setAttribute("aria-current", "true");
    const top = button.offsetTop - grid.offsetTop;
    if (top < grid.scrollTop) grid.scrollTop = top;
    const below = top + button.offsetHeight - grid.clientHeight;
    if (below > grid.scrollTop) grid.scrollTop = below;
  };

  const describe = (one) => {
    find("case-said").textContent = one ? said(one) : "No ROI passes these filters.";
    find("case-said").className = `case-said ${one ? state(one) : ""}`;
    const bars = one ? classes.flatMap((name, number) => fact(name, percent(one.p[number]), one.p[number])) : [];
    find("case-probabilities").replaceChildren(...bars);
    const own = one ? groups.map((name, number) => [name, one.groups[number] || "–"]) : [];
    const about = one ? [["patient", `number ${one.patient}`], ...own, ["ROI", one.roi]] : [];
    find("case-about").replaceChildren(...about.flatMap(([name, value]) => fact(name, value)));
    find("case-withheld").hidden = !one || one.map !== "";
    find("case-heat").disabled = !one || one.map === "";
  };

  const fact = (name, value, share = null) => {
    const definition = element("dd");
    if (share !== null) definition.append(element("progress", "", { value: share, max: 1 }));
    definition.append(value);
    return [element("dt", name), definition];
  };

  // -- pictures ------------------------------------------------------------------------------------------------------
  const load = (source) =>
    new Promise((resolve, reject) => {
      const image = new Image();
      image.onload = () => resolve(image);
      image.onerror = reject;
      image.src = source;
    });

  /** ImageData of a picture, at its own size or at that of another. */
  const pixels = async (source, like = source) => {
    const [image, size] = await Promise.all([load(source), load(like)]);
    const canvas = new OffscreenCanvas(size.naturalWidth, size.naturalHeight);
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return context.getImageData(0, 0, canvas.width, canvas.height);
  };

  const shades = () => {
    const level = +find("case-level").value;
    const window = +find("case-window").value;
    const invert = find("case-invert").checked;
    return Uint8ClampedArray.from({ length: 256 }, (_, value) => {
      const shade = ((value - level) / window + 0.5) * 255;
      return invert ? 255 - shade : shade;
    });
  };

  const draw = () => {
    const canvas = find("case-crop");
    const context = canvas.getContext("2d");
    if (!grey) {
      context.clearRect(0, 0, canvas.width, canvas.height);
      return;
    }
    [canvas.width, canvas.height] = [grey.width, grey.height];
    const warm = heat && find("case-heat").checked;
    const table = shades();
    const shown = context.createImageData(grey.width, grey.height);
    for (let place = 0; place < shown.data.length; place += 4) {
      const shade = table[grey.data[place]];
      const value = warm ? heat.data[place] : 0;
      const opacity = (STRONGEST * value) / 255;
      for (let colour = 0; colour < 3; colour += 1)
        shown.data[place + colour] = shade * (1 - opacity) + palette[value][colour] * opacity;
      shown.data[place + 3] = 255;
    }
    context.putImageData(shown, 0, 0);
    canvas.dataset.heat = warm ? "on" : "off";
    canvas.setAttribute("aria-label", `${find("case-said").textContent}${warm ? ", under its heat map" : ""}`);
  };

  const drawFilm = async (one) => {
    const canvas = find("case-film");
    canvas.hidden = !one;
    if (!one) return;
    const [width, height, picture] = films[one.film];
    const image = picture ? await load(picture) : null;
    if (one !== cases[order[at]]) return;
    const scale = 320 / Math.max(width, height);
    [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
    const context = canvas.getContext("2d");
    context.fillStyle = "#222";
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (image) context.drawImage(image, 0, 0, canvas.width, canvas.height);
    const [x, y, wide, high] = one.box;
    context.lineWidth = 4;
    context.strokeStyle = "#5cb8f0";
    context.strokeRect(x * canvas.width, y * canvas.height, wide * canvas.width, high * canvas.height);
    canvas.setAttribute("aria-label", "Place of the ROI in its radiograph");
  };

  // -- controls ------------------------------------------------------------------------------------------------------
  const choice = (name, options, set) => {
    const select = element("select");
    select.append(element("option", "all", { value: "" }));
    for (const [value, text] of options) select.append(element("option", text, { value }));
    select.dataset.filter = name;
    select.addEventListener("change", () => {
      set(select.value === "" ? null : select.value);
      update();
    });
    const label = element("label", `${name} `);
    label.append(select);
    find("case-filters").append(label);
    return select;
  };

  const number = (text) => (text === null ? null : +text);
  const names = classes.map((name, place) => [String(place), name]);
  const truth = choice("truth", names, (value) => (filter.truth = number(value)));
  const called = choice("decision", names, (value) => (filter.called = number(value)));
  choice("outcome", [["right", "correct"], ["wrong", "wrong"]], (value) => (filter.right = value));
  groups.forEach((name, place) => {
    const values = [...new Set(cases.map((one) => one.groups[place]))].filter((value) => value !== "").sort();
    choice(name, values.map((value) => [value, value]), (value) => (filter.groups[place] = value));
  });

  /** Show the ROIs of one cell of the confusion matrix; all again where they are shown already. */
  const showCell = (row, column) => {
    const same = filter.truth === row && filter.called === column;
    [filter.truth, filter.called] = same ? [null, null] : [row, column];
    truth.value = filter.truth ?? "";
    called.value = filter.called ?? "";
    update();
  };

  const breakable = (name) => name.replaceAll("_", "_\u200b"); // a line may end behind an underscore
  const head = find("case-matrix").insertRow();
  head.append(element("th"), ...classes.map((name) => element("th", breakable(name), { scope: "col" })));
  classes.forEach((name, row) => {
    const line = find("case-matrix").insertRow();
    line.append(element("th", breakable(name), { scope: "row" }));
    classes.forEach((other, column) => {
      const count = cases.filter((one) => one.truth === row && one.called === column).length;
      const button = element("button", count.toLocaleString("en"), { type: "button", className: row === column ? "right" : "" });
      button.title = `${name} called ${other}`;
      Object.assign(button.dataset, { truth: row, called: column });
      button.addEventListener("click", () => showCell(row, column));
      line.insertCell().append(button);
    });
  });
  // The plot of the confusion matrix: its counts lie over its cells, so the place of the click says which cell it is.
  document.querySelector("#plot-confusion svg")?.addEventListener("click", ({ clientX, clientY }) => {
    for (const cell of document.querySelectorAll('[id^="confusion-cell-"]')) {
      const { left, right, top, bottom } = cell.getBoundingClientRect();
      if (clientX < left || clientX > right || clientY < top || clientY > bottom) continue;
      const [row, column] = cell.id.split("-").slice(2).map(Number);
      if (filter.truth !== row || filter.called !== column) showCell(row, column);
      find("case-viewer").scrollIntoView();
    }
  });

  find("case-sort").addEventListener("change", update);
  find("case-previous").addEventListener("click", () => show(at - 1));
  find("case-next").addEventListener("click", () => show(at + 1));
  for (const id of ["case-heat", "case-invert", "case-level", "case-window"]) find(id).addEventListener("input", draw);
  const plain = () => {
    for (const [name, value] of Object.entries(PLAIN)) find(`case-${name}`).value = value;
    find("case-invert").checked = false;
    draw();
  };
  find("case-plain").addEventListener("click", plain);

  const canvas = find("case-crop");
  canvas.addEventListener("pointermove", (event) => {
    if (!event.buttons || event.pointerType === "touch") return;
    find("case-window").value = +find("case-window").value + event.movementX;
    find("case-level").value = +find("case-level").value + event.movementY;
    draw();
  });
  canvas.addEventListener("dblclick", plain);

  find("case-grid").addEventListener("scroll", (event) => {
    const grid = event.currentTarget;
    if (grid.scrollTop + 2 * grid.clientHeight > grid.scrollHeight) extend(made + CHUNK);
  });

  document.addEventListener("keydown", (event) => {
    const busy = event.target.closest?.("select, input, textarea, .scroll, .canvas");
    if (event.ctrlKey || event.altKey || event.metaKey || (busy && event.target.type !== "checkbox")) return;
    const keys = {
      ArrowLeft: () => show(at - 1),
      ArrowRight: () => show(at + 1),
      h: () => find("case-heat").click(),
      i: () => find("case-invert").click(),
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });

  find("case-viewer").hidden = false;
  update();
})();
