import { connection } from "next/server";

import { version } from "./version";

export default async function Page() {
  await connection();
  const today = new Date().toLocaleDateString("en", { dateStyle: "full" });
  return (
    <main>
      <h1>Almanac {version}</h1>
      <p>Rendered on the server on {today}.</p>
      <p>
        This is commit <code>{process.env.APP_COMMIT}</code>.
      </p>
    </main>
  );
}
