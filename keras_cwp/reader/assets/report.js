// The button that writes what the model says of a film as DICOM objects, and sends them where there is an archive.

import { post } from "./ask.js";

const find = (name) => document.getElementById(name);

export function nameReport({ archive }) {
  find("send").textContent = archive ? "Send report" : "Write report";
  if (archive) find("send").title += `, and send them to ${archive}`;
}

/** `info` of the open film; undefined: none can be read. `marks`: its boxes. */
export function offerReport(info, marks) {
  const reason = info && (info.no_report || (marks.length ? "" : "there is no box on this film"));
  find("send").disabled = !info || Boolean(reason);
  find("noreport").textContent = reason ? `No report: ${reason}.` : "";
  find("noreport").hidden = !reason;
}

export async function sendReport(page) {
  if (!page.info) return;
  find("sent").textContent = "Writing…";
  await page.keeper.flush();
  try {
    const sent = await post(`/api/films/${page.number}/send`, { reader: page.reader });
    const objects = `${sent.objects} DICOM object${sent.objects === 1 ? "" : "s"}`;
    const kept = sent.failed ? `Not sent: ${sent.failed}. ` : sent.archive ? `${objects} sent to ${sent.archive}. ` : "";
    find("sent").textContent = [`${kept}${objects} in ${sent.folder}.`, ...sent.notes].join(" ");
    find("sent").classList.toggle("caution", Boolean(sent.failed));
  } catch (error) {
    find("sent").textContent = `No report: ${error.message}`;
    find("sent").classList.add("caution");
  }
}
