/** A volume in a list: its settings, and the disk space that its files use. */
import { count, size } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { Badge, DescriptionList, TimeAgo } from "../../lib/ui.js";
import { progressOf } from "./snapshots.js";

const MEBIBYTE = 2 ** 20;

/** Who can use the files at the same time, by the value of the API. */
export const ACCESS = {
  one: { label: "One instance", hint: "for SQLite" },
  many: { label: "Many instances", hint: "the application shares its files" },
};

/** What previews get in place of the volume, by the value of the API. */
export const PREVIEWS = {
  none: { label: "No volume", hint: "previews run without it" },
  empty: { label: "An empty volume", hint: "one for each preview" },
  copy: { label: "A copy", hint: "of the newest snapshot" },
};

/** @param {{volume: object, note?: string, below?: any}} props `note`: a badge; `children`: the buttons; `below`: follows the settings */
export function VolumeEntry({ volume, note, below, children }) {
  const { name, target, mount_path: path, access, preview, node } = volume;
  const items = [
    ["Path", html`<code>${path}</code>`],
    ["Size", html`<${Size} volume=${volume} />`],
    ["Access", ACCESS[access]?.label ?? access],
    ["Previews", PREVIEWS[preview]?.label ?? preview],
    ["Automatic snapshots", policyOf(volume)],
    ["Node", node ?? "chosen by the first deployment"],
  ];
  return html`
    <li>
      <div class="row apart">
        <p class="row">
          <strong>${name}</strong>
          ${target !== "production" && html`<${Badge}>${target}<//>`}
          ${note && html`<${Badge} tone="wait">${note}<//>`}
          ${volume.over_limit_since && html`<${Badge} tone="bad">Larger than its limit<//>`}
          ${volume.snapshot_overdue_since && html`<${Badge} tone="bad">Snapshot overdue<//>`}
          ${volume.restoring_since && html`<${Badge} tone="busy">${progressOf("Restoring", volume.restore_bytes_done, volume.restore_bytes_total)}<//>`}
          ${volume.restore_error && html`<${Badge} tone="bad">Restore failed<//>`}
        </p>
        ${children && html`<div class="row">${children}</div>`}
      </div>
      ${volume.over_limit_since && html`<p class="reason">Deployments, uploads and restores are refused. Delete files, or raise the size limit.</p>`}
      ${volume.restore_error && html`<p class="reason">${volume.restore_error}</p>`}
      <${DescriptionList} items=${items} />
      ${below}
    </li>
  `;
}

function policyOf({ snapshot_every: every, snapshot_keep: keep }) {
  return every === null ? "None" : `Every ${count(every, "hour")}, the newest ${keep} are kept`;
}

function Size({ volume: { used_bytes: usedBytes, size_limit: limit, measured_at: measuredAt } }) {
  return html`
    ${usedBytes === null ? "Not measured yet" : size(usedBytes)}${limit !== null && ` (limit: ${size(limit * MEBIBYTE)})`}
    ${measuredAt && html`${" "}<span class="hint">measured <${TimeAgo} time=${measuredAt} /></span>`}
  `;
}
