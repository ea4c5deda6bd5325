/** Signing in. */
import { api } from "../lib/api.js";
import { html } from "../lib/html.js";
import { Link, useTitle } from "../lib/router.js";
import { session, useSession } from "../lib/session.js";
import { Form, Input, Note, Submit } from "../lib/ui.js";
import { Gate } from "../shell/brand.js";

export default function SignIn({ place }) {
  useTitle("Sign in");
  const { notice } = useSession();
  const signIn = async (values) => session.begin(await api.post("/auth/login", values));
  const other = html`New here? <${Link} to=${`/register${window.location.search}`}>Make an account<//>`;
  return html`
    <${Gate} title="Sign in" other=${other}>
      ${notice && html`<${Note} kind="warn">${notice}<//>`}
      ${!notice && place.query.get("next") && html`<${Note}>Sign in to see this page.<//>`}
      <${Form} label="Sign in" onSubmit=${signIn}>
        <${Input} name="email" label="E-mail" type="email" autocomplete="username" required autofocus />
        <${Input} name="password" label="Password" type="password" autocomplete="current-password" required />
        <${Submit}>Sign in<//>
      <//>
    <//>
  `;
}
