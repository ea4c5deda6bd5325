/** Tar archives, which the API expects for uploads into volumes. */

const BLOCK_BYTES = 512;
/** The user and group that run apps in images built by Pushpaka, as for `pushpaka volumes put`. */
const APP_USER = 65532;
const REGULAR_FILE = "0";
const EXTENDED_HEADER = "x";

const encoder = new TextEncoder();

/**
 * Return a tar archive with `files` in its top directory.
 *
 * @param {File[]} files read while the archive is sent, so they do not have to fit into memory
 * @returns {Blob}
 */
export function tarOf(files) {
  const entries = files.flatMap((file) => [...entry(EXTENDED_HEADER, pathRecord(file.name), 0), ...entry(REGULAR_FILE, file, file.lastModified)]);
  return new Blob([...entries, new Uint8Array(2 * BLOCK_BYTES)], { type: "application/x-tar" });
}

/** Return the pax record with the name of the next entry. The header itself has only 100 bytes for it, in no defined encoding. */
function pathRecord(name) {
  const record = ` path=${name}\n`;
  const bytes = encoder.encode(record).length;
  // The record begins with its length, which includes the digits of the length.
  const length = bytes + String(bytes + String(bytes).length).length;
  return new Blob([length + record]);
}

/** Return the parts of an entry: a ustar header, and the content padded to whole blocks. */
function entry(type, content, modified) {
  const header = new Uint8Array(BLOCK_BYTES);
  const write = (offset, text) => header.set(encoder.encode(text), offset);
  const writeNumber = (offset, digits, number) => write(offset, number.toString(8).padStart(digits, "0"));
  write(0, "file");
  writeNumber(100, 7, 0o644);
  writeNumber(108, 7, APP_USER);
  writeNumber(116, 7, APP_USER);
  writeNumber(124, 11, content.size);
  writeNumber(136, 11, Math.max(0, Math.floor(modified / 1000)));
  write(148, " ".repeat(8)); // The checksum counts its own field as spaces.
  write(156, type);
  write(257, "ustar\0" + "00");
  const checksum = header.reduce((sum, byte) => sum + byte, 0);
  write(148, `${checksum.toString(8).padStart(6, "0")}\0`);
  return [header, content, new Uint8Array(-content.size & (BLOCK_BYTES - 1))];
}
