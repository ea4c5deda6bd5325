import { serve } from "@hono/node-server";
import { greet, version } from "greeting";
import { Hono } from "hono";

const app = new Hono();

app.get("/", (context) => context.text(`${greet("world")} This is version ${version}.\n`));
app.get("/hello/:name", (context) => context.text(`${greet(context.req.param("name"))}\n`));

const server = serve(
  { fetch: app.fetch, port: Number(process.env.PORT ?? 3000), hostname: process.env.HOST },
  ({ port }) => console.log(`web listens on port ${port}`),
);

process.on("SIGTERM", () => server.close());
