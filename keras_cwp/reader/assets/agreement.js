// The agreement of two readers' tables.

import { post } from "./ask.js";
import { breakable, element } from "./panel.js";

const find = (name) => document.getElementById(name);

export function open(page, readers) {
  for (const [name, chosen] of [["first", page.reader], ["second", readers.find((each) => each !== page.reader)]]) {
    find(name).replaceChildren(...readers.map((each) => new Option(each, each, false, each === chosen)));
    find(name).onchange = () => compare(page);
  }
  find("first").parentElement.hidden = readers.length < 2;
  find("agreement").showModal();
  compare(page);
}

async function compare(page) {
  const place = find("agreed");
  if (find("first").options.length < 2) {
    place.replaceChildren(element("p", "Only one reader has a table in this folder so far. Let a second one read the same films.", "quiet"));
    return;
  }
  try {
    const found = await post("/api/agreement", { first: find("first").value, second: find("second").value });
    place.replaceChildren(...content(found, page));
  } catch (error) {
    place.replaceChildren(element("p", error.message, "caution"));
  }
}

function content(found, page) {
  const parts = [figures(found)];
  const alone = found.only_first + found.only_second;
  parts.push(element("p", `${plural(found.regions, "region")} of ${plural(found.patients, "patient")} marked by both; ${found.only_first} by ${found.readers[0]} alone, ${found.only_second} by ${found.readers[1]} alone.`));
  if (alone) parts.push(element("p", "Boxes are one region when they have one id, or overlap by half of their union.", "quiet"));
  if (found.confusion.length) parts.push(matrix(found));
  if (found.disagreements.length) parts.push(element("h3", `Where the labels differ (${found.readers.join(" / ")})`), differences(found, page));
  return parts;
}

function figures(found) {
  const place = element("div", "", "figure");
  for (const [name, figure] of [["Cohen's kappa", found.kappa], ["Same label", found.agreement]]) {
    const one = element("div", name, "");
    one.append(element("b", figure.value === null ? "–" : figure.value.toFixed(2)));
    const interval = figure.ci95 ? `95 % interval over patients ${figure.ci95.map((each) => each.toFixed(2)).join(" to ")}` : figure.reason || "";
    one.append(element("span", interval, "quiet"));
    place.append(one);
  }
  return place;
}

function matrix(found) {
  const table = element("table");
  const head = table.insertRow();
  head.append(element("th", `${found.readers[0]} ↓  ${found.readers[1]} →`), ...found.classes.map((name) => element("th", breakable(name))));
  found.confusion.forEach((counts, row) => {
    const line = table.insertRow();
    line.append(element("th", breakable(found.classes[row])), ...counts.map((count) => element("td", String(count))));
  });
  const place = element("div", "", "wide");
  place.append(table);
  return place;
}

function differences(found, page) {
  const list = element("ul");
  for (const each of found.disagreements) {
    const item = element("li");
    const button = element("button", each.film === null ? "film not here" : `Film ${each.film + 1}: ${each.first} / ${each.second}`);
    button.disabled = each.film === null;
    button.addEventListener("click", () => {
      find("agreement").close();
      page.open(each.film, each.roi_id);
    });
    item.append(button);
    list.append(item);
  }
  return list;
}

const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
