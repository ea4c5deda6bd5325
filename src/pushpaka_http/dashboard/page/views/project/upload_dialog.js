/** The dialog that uploads files into a volume. */
import { api } from "../../lib/api.js";
import { html, useState } from "../../lib/html.js";
import { tarOf } from "../../lib/tar.js";
import { FormDialog, Input, toast } from "../../lib/ui.js";

/** @param {{volume: object, onDone: () => Promise<unknown>, onClose: () => void}} props */
export function UploadDialog({ volume, onDone, onClose }) {
  const [files, setFiles] = useState([]);
  const upload = async () => {
    const { message } = await api.put(`/volumes/${volume.id}/files`, tarOf(files));
    toast.success(message);
    await onDone();
  };
  // The field has the name that the API uses in its errors.
  return html`
    <${FormDialog} title="Upload files to ${volume.name}" label="Upload" action="Upload" onSubmit=${upload} onClose=${onClose}>
      <p>The files are written to the top directory of the volume. Files with the same names are replaced.</p>
      <${Input} name="archive" label="Files" type="file" multiple required hint=${html`Use <code>pushpaka volumes put</code> for directories.`} onChange=${({ target }) => setFiles([...target.files])} />
    <//>
  `;
}
