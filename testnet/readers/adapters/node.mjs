// What Nodemailer's mailparser and postal-mime read of messages.
//
// Standard input: a line with a number of octets, then so many octets, again and again. Standard
// output: one line of JSON for each. The arguments: the reader, and the folder that holds
// node_modules.
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [reader, folder] = process.argv.slice(-2);
const require = createRequire(pathToFileURL(folder + "/"));

const digest = (content) => {
  const data = Buffer.from(content).toString("latin1").replace(/\r\n?/g, "\n").replace(/\n+$/, "");
  return createHash("sha256").update(Buffer.from(data, "latin1")).digest("hex");
};
const list = (value) => (value === undefined || value === null ? [] : [].concat(value));
const address = (a) =>
  a.group ? [a.name + ":", ...a.group.map((m) => `${m.name} <${m.address}>`)] : [`${a.name} <${a.address}>`];
const date = (value) => {
  if (value === undefined || value === null || value === "") return [];
  const seconds = Math.floor(new Date(value).getTime() / 1000);
  // mailparser gives the present time for what it cannot read
  const now = Math.abs(seconds - Date.now() / 1000) < 60;
  return [Number.isNaN(seconds) || now ? "no date" : String(seconds)];
};
const attached = (a) => `${a.type} ${a.name ?? ""} ${a.disposition ?? ""} ${a.related ? "related" : ""} ${digest(a.content)}`;

async function mailparser() {
  const { simpleParser } = require("mailparser");
  return async (raw) => {
    const m = await simpleParser(raw, { skipHtmlToText: true, skipTextToHtml: true });
    const addresses = (field) => list(m[field]).flatMap((f) => f.value.flatMap(address));
    return {
      from: addresses("from"), sender: addresses("sender"), to: addresses("to"), cc: addresses("cc"),
      "reply-to": addresses("replyTo"),
      subject: list(m.subject), date: date(m.date), text: list(m.text), html: list(m.html || undefined),
      attachments: m.attachments.map((a) =>
        attached({ type: a.contentType, name: a.filename, disposition: a.contentDisposition, related: a.related, content: a.content })),
    };
  };
}

async function postalMime() {
  const { default: PostalMime } = await import(pathToFileURL(require.resolve("postal-mime")));
  return async (raw) => {
    const m = await PostalMime.parse(raw, { attachmentEncoding: "arraybuffer" });
    const addresses = (field) => list(m[field]).flatMap(address);
    return {
      from: addresses("from"), sender: addresses("sender"), to: addresses("to"), cc: addresses("cc"),
      "reply-to": addresses("replyTo"),
      subject: list(m.subject), date: date(m.date), text: list(m.text), html: list(m.html),
      attachments: m.attachments.map((a) =>
        attached({ type: a.mimeType, name: a.filename, disposition: a.disposition, related: a.related, content: a.content })),
    };
  };
}

const read = await { mailparser, "postal-mime": postalMime }[reader]();
let pending = Buffer.alloc(0);
for await (const chunk of process.stdin) {
  pending = Buffer.concat([pending, chunk]);
  for (;;) {
    const end = pending.indexOf(10);
    if (end < 0) break;
    const size = Number(pending.subarray(0, end).toString());
    if (pending.length < end + 1 + size) break;
    const raw = pending.subarray(end + 1, end + 1 + size);
    let shown;
    try {
      shown = await read(raw);
    } catch (fault) { // what a program does here is to show an error
      shown = { broken: [fault.name] };
    }
    process.stdout.write(JSON.stringify(shown) + "\n");
    pending = pending.subarray(end + 1 + size);
  }
}
