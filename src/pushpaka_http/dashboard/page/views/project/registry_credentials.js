/** The credentials for the registry of a private image. */
import { api } from "../../lib/api.js";
import { html } from "../../lib/html.js";
import { Button, Card, Input, toast, useDialog } from "../../lib/ui.js";

/** The section of the settings. */
export function RegistryCredentials({ project, onRemoved }) {
  const { dialog, confirm } = useDialog();
  const remove = async () => {
    onRemoved(await api.patch(`/projects/${project.id}`, { registry_credentials: null }));
    toast.success("The registry credentials were removed.");
  };
  const askRemove = () =>
    confirm({
      title: "Remove the registry credentials?",
      action: "Remove",
      text: "If the image is private, Pushpaka will no longer be able to pull it, and new deployments will fail.",
      onConfirm: remove,
    });
  const actions = project.has_registry_credentials && html`<${Button} onClick=${askRemove}>Remove credentials<//>`;
  return html`
    <${Card} title="Registry credentials" hint="The credentials let Pushpaka pull a private image." actions=${actions}>
      <${CredentialFields} isStored=${project.has_registry_credentials} />
      ${dialog}
    <//>
  `;
}

/** The fields for the credentials. `credentialsOf` reads them. */
export function CredentialFields({ isStored, required = false }) {
  const hint = isStored ? "Credentials are stored. Enter new ones to replace them." : "The credentials are stored encrypted and never shown again.";
  return html`
    <div class="fields">
      <${Input} name="registry_user" label="User name" isMono autocomplete="off" required=${required} />
      <${Input} name="registry_credentials" label="Password or token" type="password" isMono autocomplete="off" required=${required} hint=${hint} />
    </div>
  `;
}

/** Return the values of a form with the credentials as the API expects them. Empty fields keep the stored ones. */
export function credentialsOf({ registry_user: user, registry_credentials: password, ...values }) {
  return user || password ? { ...values, registry_credentials: `${user ?? ""}:${password ?? ""}` } : values;
}
