/** The dialog that creates a volume, or changes its settings. */
import { api } from "../../lib/api.js";
import { html } from "../../lib/html.js";
import { FormDialog, Input, Select, toast } from "../../lib/ui.js";
import { ACCESS, PREVIEWS } from "./volume.js";

const optionsOf = (choices) => Object.entries(choices).map(([value, { label, hint }]) => ({ value, label: `${label} (${hint})` }));

const ACCESS_HINT = "With one instance, a deployment holds requests until the old instance has ended and the new one is healthy.";
const PATH_HINT = "The path at which the application finds the files, relative to its directory. In containers, it can also be an absolute path.";

/** @param {{project: object, volume?: object, onDone: () => Promise<unknown>, onClose: () => void}} props */
export function VolumeDialog({ project, volume, onDone, onClose }) {
  const save = async (settings) => {
    const saved = volume ? await api.patch(`/volumes/${volume.id}`, settings) : await api.post("/volumes", { project_id: project.id, ...settings });
    toast.success(`${saved.name} was ${volume ? "saved" : "created"}. The next deployment mounts it.`);
    await onDone();
  };
  return html`
    <${FormDialog} title=${volume ? `Edit ${volume.name}` : "Create volume"} label="Volume" action=${volume ? "Save" : "Create"} onSubmit=${save} onClose=${onClose}>
      ${volume && html`<p>The next deployment applies the changes. Settings in <code>pushpaka.toml</code> take precedence.</p>`}
      <${Input} name="name" label="Name" isMono required value=${volume?.name} placeholder="media" />
      <${Input} name="mount_path" label="Path" isMono required value=${volume?.mount_path} placeholder="media" hint=${PATH_HINT} />
      <${Select} name="access" label="Access" options=${optionsOf(ACCESS)} value=${volume?.access ?? "one"} hint=${ACCESS_HINT} />
      <${Select} name="preview" label="Previews" options=${optionsOf(PREVIEWS)} value=${volume?.preview ?? "none"} hint="Previews never use the volume of production itself." />
      <${Input} name="size_limit" label="Size limit" type="number" inputmode="numeric" min="1" suffix="MiB" isOptional placeholder="none" value=${volume?.size_limit} hint="You are notified when the files are larger. Deployments, uploads and restores are refused then." />
      <${Input} name="snapshot_every" label="Automatic snapshots" type="number" inputmode="numeric" min="1" prefix="every" suffix="hours" isOptional placeholder="none" value=${volume?.snapshot_every} />
      <${Input} name="snapshot_keep" label="Automatic snapshots to keep" type="number" inputmode="numeric" min="1" required value=${volume?.snapshot_keep ?? 7} />
    <//>
  `;
}
