/** The user's own account: profile, API tokens, password and sessions. */
import { api } from "../lib/api.js";
import { day } from "../lib/format.js";
import { html } from "../lib/html.js";
import { cacheResource } from "../lib/resource.js";
import { navigate } from "../lib/router.js";
import { session, useUser } from "../lib/session.js";
import { Button, Card, DescriptionList, Form, Input, PageHead, Submit, toast, useDialog } from "../lib/ui.js";
import { Tokens } from "./account/tokens.js";

export default function Account() {
  return html`
    <${PageHead} title="Account" />
    <div class="stack loose">
      <${Profile} />
      <${Tokens} />
      <${Password} />
      <${Sessions} />
    </div>
  `;
}

function Profile() {
  const user = useUser();
  const items = [
    ["Name", user.name],
    ["Email", user.email],
    ["Role", user.role === "admin" ? "Administrator" : "User"],
    ["Member since", html`<time datetime=${user.created_at}>${day(user.created_at)}</time>`],
  ];
  return html`<${Card} title="Profile"><${DescriptionList} items=${items} /><//>`;
}

function Password() {
  const { email } = useUser();
  const change = async (values) => {
    session.start(await api.post("/auth/password", values));
    cacheResource("/tokens", { data: [] });
    toast.success("Your password was changed. All other sessions have ended.");
  };
  return html`
    <${Card} title="Password" hint="A new password ends all other sessions and deletes your API tokens.">
      <${Form} label="Change password" class="short" onSubmit=${change} resets>
        <input type="text" autocomplete="username" value=${email} aria-hidden="true" hidden readonly />
        <${Input} name="current_password" label="Current password" type="password" autocomplete="current-password" required />
        <${Input} name="new_password" label="New password" type="password" autocomplete="new-password" hint="At least 8 characters." required />
        <div><${Submit}>Change password<//></div>
      <//>
    <//>
  `;
}

function Sessions() {
  const { dialog, confirm } = useDialog();
  const signOut = async (everywhere) => {
    await api.post("/auth/logout", { everywhere });
    session.end();
    navigate("/sign-in", { replace: true });
  };
  const askEverywhere = () =>
    confirm({
      title: "Sign out everywhere?",
      action: "Sign out everywhere",
      text: "You will have to sign in again in all browsers. Your API tokens will be deleted.",
      onConfirm: () => signOut(true),
    });
  return html`
    <${Card} title="Sessions" hint="Sessions expire after a while, and when you change your password.">
      <div class="row">
        <${Button} onClick=${() => signOut(false)}>Sign out<//>
        <${Button} kind="danger" onClick=${askEverywhere}>Sign out everywhere<//>
      </div>
      ${dialog}
    <//>
  `;
}
