/** The snapshots of a volume: take, restore and delete them. */
import { api } from "../../lib/api.js";
import { size } from "../../lib/format.js";
import { html, useEffect, useState } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { Badge, Button, FormDialog, Input, Loaded, TimeAgo, toast } from "../../lib/ui.js";

const POLL_MILLISECONDS = 2000;
const SHOWN = 5;
const TONES = { pending: "wait", running: "busy", available: "good", failed: "bad" };
const WORDS = { pending: "Waiting for a worker", running: "Copying", available: "Available", failed: "Failed" };

/** "Copying" or "Copying, 42 %", from a word and the figures of the API, which can be null. */
export const progressOf = (word, done, total) => (done === null || !total ? word : `${word}, ${Math.floor((100 * done) / total)} %`);

/** Call `reload` every few seconds while `isActive`, because workers publish no events about volumes. */
export function usePolling(isActive, reload) {
  useEffect(() => {
    if (!isActive) return undefined;
    const timer = setInterval(reload, POLL_MILLISECONDS);
    return () => clearInterval(timer);
  }, [isActive, reload]);
}

/**
 * @param {{volume: object, isOwner: boolean, open: Function, confirm: Function,
 *   onRestore: () => Promise<unknown>}} props `open` and `confirm`: of useDialog
 */
export function Snapshots({ volume, isOwner, open, confirm, onRestore }) {
  const resource = useResource(`/snapshots?volume_id=${volume.id}`);
  const snapshots = resource.data?.data ?? [];
  const [isFull, setIsFull] = useState(false);
  const isTaking = snapshots.some(({ finished_at: finishedAt }) => !finishedAt);
  usePolling(isTaking, resource.reload);

  const take = async () => {
    await api.post(`/volumes/${volume.id}/snapshots`);
    await resource.reload();
  };
  const restore = (snapshot) =>
    open((close) => html`<${RestoreDialog} ...${{ volume, snapshot }} onDone=${onRestore} onClose=${close} />`);
  const remove = ({ id }) =>
    confirm({
      title: "Delete the snapshot?",
      action: "Delete",
      text: "The volume and its files stay unchanged. The snapshot cannot be recovered.",
      onConfirm: async () => {
        const { message } = await api.delete(`/snapshots/${id}`);
        toast.success(message);
        await resource.reload();
      },
    });

  return html`
    <div class="row apart">
      <p class="hint">Snapshots</p>
      ${isOwner && html`<${Button} size="small" icon="copy" disabled=${isTaking || volume.node === null} onClick=${take}>Take snapshot<span class="unseen"> of ${volume.name}</span><//>`}
    </div>
    <${Loaded} resource=${resource} lines=${1}>
      ${() =>
        snapshots.length === 0
          ? html`<p class="hint">${volume.node === null ? "There are no files yet." : "There are no snapshots."}</p>`
          : html`
              <ul class="entries framed" aria-label=${`Snapshots of ${volume.name}`}>
                ${snapshots.slice(0, isFull ? undefined : SHOWN).map((snapshot) => html`<${Snapshot} key=${snapshot.id} ...${{ snapshot, isOwner }} onRestore=${restore} onRemove=${remove} />`)}
              </ul>
              ${!isFull && snapshots.length > SHOWN && html`<${Button} size="small" kind="quiet" onClick=${() => setIsFull(true)}>Show all ${snapshots.length}<//>`}
            `}
    <//>
  `;
}

function Snapshot({ snapshot, isOwner, onRestore, onRemove }) {
  const { status, bytes, content_bytes: contentBytes, error, created_at: createdAt } = snapshot;
  return html`
    <li>
      <div class="row apart">
        <p class="row">
          <${TimeAgo} time=${createdAt} />
          <${Badge} tone=${TONES[status]}>${progressOf(WORDS[status], snapshot.bytes_done, snapshot.bytes_total)}<//>
          ${snapshot.is_automatic && html`<${Badge}>Automatic<//>`}
          ${bytes !== null && html`<span class="hint">${size(bytes)}, for ${size(contentBytes)} of files</span>`}
        </p>
        ${
          isOwner &&
          html`<div class="row">
            ${status === "available" && html`<${Button} size="small" kind="quiet" onClick=${() => onRestore(snapshot)}>Restore<//>`}
            <${Button} size="small" kind="quiet" icon="trash" label="Delete snapshot" onClick=${() => onRemove(snapshot)} />
          </div>`
        }
      </div>
      ${error && html`<p class="reason">${error}</p>`}
    </li>
  `;
}

function RestoreDialog({ volume, snapshot, onDone, onClose }) {
  const restore = async (values) => {
    const created = await api.post(`/snapshots/${snapshot.id}/restore`, values);
    toast.success(`The files are being restored into ${created.name}.`);
    await onDone();
  };
  return html`
    <${FormDialog} title="Restore a snapshot of ${volume.name}" label="Restore" action="Restore" onSubmit=${restore} onClose=${onClose}>
      <p>The files of <${TimeAgo} time=${snapshot.created_at} /> are restored into a new volume. No existing volume is changed.</p>
      <${Input} name="into" label="Name of the new volume" isMono required value=${`${volume.name}-restored`} hint="It appears below the detached volumes. When its files are complete, it is attached, unless another attached volume has its path." />
    <//>
  `;
}
