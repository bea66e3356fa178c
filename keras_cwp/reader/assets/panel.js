// The panel beside the film: boxes, labels, what the model says, nearest training ROIs.

import { picture } from "./ask.js";

const find = (name) => document.getElementById(name);
const percent = (share) => `${(100 * share).toFixed(share < 0.0995 || (share > 0.9905 && share < 1) ? 1 : 0)} %`;
export const breakable = (label) => label.replaceAll("_", "_\u200b"); // a line may end behind an underscore

export function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

export function showBoxes(page) {
  const { marks, selected, info } = page;
  find("count").textContent = marks.length ? `(${marks.length})` : "";
  find("empty").hidden = marks.length > 0 || !info;
  find("boxes").replaceChildren(
    ...marks.map((mark, number) => {
      const item = element("li");
      const pick = element("button", `${number + 1} ${mark.label || "no label yet"}`, "pick");
      pick.classList.toggle("none", !mark.label);
      pick.setAttribute("aria-pressed", String(mark.roi_id === selected));
      pick.append(element("small", size(mark.box, info?.spacing_mm)));
      pick.addEventListener("click", () => page.select(mark.roi_id, true));
      const remove = element("button", "×");
      remove.title = "Remove (Delete)";
      remove.setAttribute("aria-label", `Remove box ${number + 1}`);
      remove.addEventListener("click", () => page.remove(mark.roi_id));
      item.append(pick, remove);
      return item;
    }),
  );
}

export function size([, , width, height], spacing) {
  if (spacing) return `${(width * spacing).toFixed(0)} × ${(height * spacing).toFixed(0)} mm`;
  return `${Math.round(width)} × ${Math.round(height)} px`;
}

export function showLabels(page) {
  const mark = page.mark;
  find("labelling").hidden = !mark;
  if (!mark) return;
  const known = page.study.model.classes;
  const classes = known.includes(mark.label) || !mark.label ? known : [...known, mark.label];
  find("labels").replaceChildren(
    ...classes.map((name, number) => {
      const button = element("button");
      if (number < 9) button.append(element("kbd", String(number + 1)));
      button.append(name);
      button.setAttribute("aria-pressed", String(name === mark.label));
      button.addEventListener("click", () => page.labelWith(name));
      return button;
    }),
  );
}

export function showAnswer(page, answer, said = "") {
  const mark = page.mark;
  find("answer").hidden = !mark;
  if (!mark) return;
  const hidden = page.study.blind && !mark.label;
  const shown = answer && !hidden;
  for (const name of ["classes", "set", "basis", "heatrow", "neighbours", "cautions", "unlike"]) find(name).hidden = !shown;
  find("decision").textContent = shown ? answer.predicted : "";
  find("neighboursaid").textContent = shown ? "" : hidden ? "Label the box first; then the model's answer is shown." : said;
  document.querySelector("#answer h3").hidden = !shown;
  if (!shown) return;
  find("classes").replaceChildren(...answer.classes.map((each) => line(each, answer, page)));
  find("set").textContent = setOf(answer, page.study.model);
  find("basis").textContent = basis(answer, page.study.model);
  find("cautions").textContent = answer.cautions.join(" ");
  find("cautions").hidden = !answer.cautions.length;
  showUnlike(answer);
  showNeighbours(page, answer);
}

function line(each, answer, page) {
  const item = element("li", "", each.name === answer.predicted ? "top" : "");
  const first = element("div", "", "line");
  first.append(element("b", each.name), element("span", percent(each.probability)));
  const bar = element("progress");
  Object.assign(bar, { max: 1, value: each.probability });
  bar.setAttribute("aria-label", each.name);
  const said = element("div", decision(each, answer), each.reached ? "said yes" : "said");
  item.append(first, bar, said);
  return item;
}

// The threshold was chosen for the probability before calibration, so both are stated.
function decision({ reached, threshold, raw }, { calibrated }) {
  if (reached === null) return "";
  if (threshold === null) return "the run found no threshold";
  const basis = calibrated ? `${percent(raw)} before calibration, ` : "";
  return `${reached ? "above" : "below"} the threshold (${basis}threshold ${percent(threshold)})`;
}

function setOf(answer, { coverage }) {
  const known = answer.classes.filter((each) => each.in_set !== null);
  if (!coverage || !known.length) return "";
  const inside = known.filter((each) => each.in_set).map((each) => each.name);
  if (!inside.length) return `Set: no class. The box is like none of them; do not rely on the answer.`;
  const all = inside.length === known.length ? " No class is excluded." : "";
  return `Set: ${inside.join(", ")}. Such sets hold the true class of ${percent(coverage)} of the ROIs of each class.${all}`;
}

function basis(answer, model) {
  const why = model.calibration_harms ? "on held-out ROIs the run's calibration did harm" : "the model brings no calibration";
  const said = [answer.calibrated ? "Probabilities are calibrated on validation ROIs." : `Probabilities are not calibrated: ${why}.`];
  if (model.rule) said.push(`Thresholds: ${model.rule}${answer.calibrated ? ", for the probability before calibration" : ""}.`);
  return said.join(" ");
}

function showUnlike(answer) {
  find("unlike").hidden = !answer.unlike;
  find("unlike").textContent = "Unlike the training data. Do not rely on the answer.";
}

async function showNeighbours(page, answer) {
  const state = page.state.neighbours;
  const list = find("neighbours");
  if (!answer.neighbours) {
    list.replaceChildren();
    find("neighboursaid").textContent = state.state === "missing" ? `Not available: ${state.said}.` : `Being prepared… ${state.said}`;
    return;
  }
  const far = answer.farther_than === null ? "" : ` This box is farther from them than ${percent(answer.farther_than)} of the ROIs that were held out.`;
  find("neighboursaid").textContent = `As the network sees it, nearest first; beneath, the patient's pseudonym.${far}`;
  list.replaceChildren(
    ...answer.neighbours.map((each) => {
      const item = element("li");
      const image = element("img");
      image.alt = `Training ROI: ${each.label}`;
      trainingPicture(each.row).then((address) => (image.src = address)).catch(() => {});
      item.append(image, element("span", breakable(each.label)), element("span", each.patient.slice(0, 6), "patient"));
      item.title = `distance ${each.distance}`;
      return item;
    }),
  );
}

const pictures = new Map();
function trainingPicture(row) {
  if (!pictures.has(row)) pictures.set(row, picture(`/api/training/${row}`));
  return pictures.get(row);
}
