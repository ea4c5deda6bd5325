/** The volumes of a project, which keep files across deployments. */
import { api } from "../../lib/api.js";
import { saveFile } from "../../lib/download.js";
import { useDeploymentEvents } from "../../lib/events.js";
import { day } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { Button, Card, Confirm, ListCard, toast, useDialog } from "../../lib/ui.js";
import { hasRole } from "./roles.js";
import { Snapshots, usePolling } from "./snapshots.js";
import { UploadDialog } from "./upload_dialog.js";
import { VolumeEntry } from "./volume.js";
import { VolumeDialog } from "./volume_dialog.js";

const HINT = "Files in volumes are kept across deployments, rollbacks and restarts. Changes apply to the next deployment.";
const DETACHED_HINT = "Files are deleted on the date shown, or later if instances still use them. Until then, you can attach the volume again.";

export default function Storage({ project }) {
  const resource = useResource("/volumes");
  const { dialog, open, confirm } = useDialog();
  const isOwner = hasRole(project, "owner");
  // Deployments create the volumes that the repository declares.
  useDeploymentEvents({ onChange: ({ project_id: id }) => id === project.id && resource.reload(), onReconnect: resource.reload });

  const edit = (volume) => open((close) => html`<${VolumeDialog} ...${{ project, volume }} onDone=${resource.reload} onClose=${close} />`);
  const upload = (volume) => open((close) => html`<${UploadDialog} volume=${volume} onDone=${resource.reload} onClose=${close} />`);
  const download = async ({ id, name }) => saveFile(await api.download(`/volumes/${id}/files`), `${name}.tar`);
  const detach = ({ id, name }) =>
    confirm({
      title: `Detach ${name}?`,
      action: "Detach",
      text: html`The next deployment will run without the volume. Its files are kept for 7 days. During this time, you can attach the volume again. If <code>pushpaka.toml</code> declares the volume, remove it there too. Otherwise, the deployment fails.`,
      onConfirm: async () => {
        const { message } = await api.delete(`/volumes/${id}`);
        toast.success(message);
        await resource.reload();
      },
    });
  const attach = async ({ id, name, project_id: previous }) => {
    await api.post(`/volumes/${id}/attach`, { project_id: previous ? null : project.id });
    toast.success(`${name} was attached. The next deployment mounts it.`);
    await resource.reload();
  };
  const purge = async ({ id, name }) => {
    await api.post(`/volumes/${id}/purge`, { name });
    toast.success(`${name} and its files were deleted.`);
    await resource.reload();
  };
  const askPurge = (volume) =>
    open((close) => html`
      <${Confirm} title="Delete ${volume.name}?" action="Delete files" name=${volume.name} onConfirm=${() => purge(volume)} onClose=${close}>
        <p>This deletes the volume and its files now. They cannot be recovered.</p>
      <//>
    `);

  const add = isOwner && html`<${Button} kind="primary" icon="plus" onClick=${() => edit()}>Create volume<//>`;
  const text = isOwner
    ? "Keep uploads or an SQLite database. All other files that the application writes are deleted with the next deployment."
    : "The project owner can create volumes.";
  usePolling(resource.data?.data.some(({ restoring_since: since }) => since) ?? false, resource.reload);
  const snapshotsOf = (volume) => html`<${Snapshots} ...${{ volume, isOwner, open, confirm }} onRestore=${resource.reload} />`;
  const fileButtons = (volume) => html`
    <${Button} size="small" kind="quiet" icon="up" label=${`Upload files to ${volume.name}`} onClick=${() => upload(volume)} />
    <${Button} size="small" kind="quiet" icon="download" label=${`Download the files of ${volume.name}`} disabled=${volume.node === null} onClick=${() => download(volume)} />
  `;
  const detached = resource.data?.data.filter((volume) => isDetachedFor(project, volume)) ?? [];
  return html`
    <div class="stack">
      <${ListCard}
        title="Volumes" hint=${HINT} resource=${resource} action=${add} empty=${{ title: "No volumes yet", icon: "drive", text }}
        filter=${({ project_id: id, detached_at: detachedAt }) => id === project.id && !detachedAt}
      >
        ${(volumes) => html`
          <ul class="entries" aria-label="Volumes">
            ${volumes.map(
              (volume) => html`
                <${VolumeEntry} key=${volume.id} volume=${volume} below=${snapshotsOf(volume)}>
                  ${
                    isOwner &&
                    html`
                      ${fileButtons(volume)}
                      <${Button} size="small" kind="quiet" onClick=${() => edit(volume)}>Edit<span class="unseen"> ${volume.name}</span><//>
                      <${Button} size="small" kind="quiet" onClick=${() => detach(volume)}>Detach<span class="unseen"> ${volume.name}</span><//>
                    `
                  }
                <//>
              `,
            )}
          </ul>
        `}
      <//>
      ${
        detached.length > 0 &&
        html`<${Card} title="Detached volumes" hint=${DETACHED_HINT} isFlush>
          <ul class="entries" aria-label="Detached volumes">
            ${detached.map(
              (volume) => html`
                <${VolumeEntry} key=${volume.id} volume=${volume} note=${`Files are kept until ${day(volume.purge_after)}`} below=${isComplete(volume) && snapshotsOf(volume)}>
                  ${
                    isOwner && !volume.restoring_since &&
                    html`
                      ${
                        isComplete(volume) &&
                        html`
                          ${fileButtons(volume)}
                          <${Button} size="small" kind="quiet" onClick=${() => attach(volume)}>Attach<span class="unseen"> ${volume.name}</span><//>
                        `
                      }
                      <${Button} size="small" kind="quiet" icon="trash" label=${`Delete ${volume.name}`} onClick=${() => askPurge(volume)} />
                    `
                  }
                <//>
              `,
            )}
          </ul>
        <//>`
      }
      ${dialog}
    </div>
  `;
}

/** Return false if the files of a snapshot are being restored, or could not be. */
const isComplete = ({ restoring_since: since, restore_error: error }) => !since && !error;

/** Return true for the detached volumes of a project, and those that its owner kept from deleted projects. */
function isDetachedFor(project, { project_id: id, user_id: userId, detached_at: detachedAt }) {
  return detachedAt !== null && (id === project.id || (id === null && userId === project.owner_id));
}
