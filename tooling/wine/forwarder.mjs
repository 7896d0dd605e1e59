/**
 * The bytes of a Windows DLL (PE32+, x64) without code, whose one function is that of another DLL.
 *
 * @param library - File name of the DLL.
 * @param name - The function that it exports.
 * @param target - What that function is: `library.function`, without `.dll`.
 */
export function forwarder(library, name, target) {
  const file = Buffer.alloc(1536);
  const at = 0x1000; // where the one section is in memory
  // MS-DOS header: magic, offset of the PE header.
  file.write('MZ', 0, 'latin1');
  file.writeUInt32LE(0x40, 0x3c);
  // COFF header: machine, one section, size of the optional header; executable, large addresses, a DLL.
  file.write('PE\0\0', 0x40, 'latin1');
  file.writeUInt16LE(0x8664, 0x44);
  file.writeUInt16LE(1, 0x46);
  file.writeUInt16LE(240, 0x54);
  file.writeUInt16LE(0x2022, 0x56);
  // Optional header.
  const optional = 0x58;
  file.writeUInt16LE(0x20b, optional); // PE32+
  file.writeUInt32LE(512, optional + 8); // size of initialized data
  file.writeBigUInt64LE(0x180000000n, optional + 24); // image base
  file.writeUInt32LE(0x1000, optional + 32); // section alignment
  file.writeUInt32LE(512, optional + 36); // file alignment
  file.writeUInt16LE(6, optional + 40); // operating system version
  file.writeUInt16LE(6, optional + 48); // subsystem version
  file.writeUInt32LE(0x2000, optional + 56); // size of the image
  file.writeUInt32LE(512, optional + 60); // size of the headers
  file.writeUInt16LE(3, optional + 68); // console subsystem
  file.writeUInt16LE(0x140, optional + 70); // dynamic base, NX
  file.writeBigUInt64LE(0x100000n, optional + 72); // stack and heap, reserved and committed
  file.writeBigUInt64LE(0x1000n, optional + 80);
  file.writeBigUInt64LE(0x100000n, optional + 88);
  file.writeBigUInt64LE(0x1000n, optional + 96);
  file.writeUInt32LE(16, optional + 108); // data directories; the first is that of exports
  file.writeUInt32LE(at, optional + 112);
  file.writeUInt32LE(512, optional + 116);
  // The section.
  const section = optional + 240;
  file.write('.edata\0\0', section, 'latin1');
  file.writeUInt32LE(512, section + 8); // size in memory
  file.writeUInt32LE(at, section + 12);
  file.writeUInt32LE(512, section + 16); // size in the file
  file.writeUInt32LE(512, section + 20); // where in the file
  file.writeUInt32LE(0x40000040, section + 36); // initialized data, readable
  // The export directory: names of library, function and target stand behind it. A function inside the directory is a forward.
  const data = 512;
  const strings = [library, name, target].reduce(
    (list, text) => [...list, { text, offset: (list.at(-1)?.offset ?? 64) + (list.at(-1)?.text.length ?? -1) + 1 }],
    [],
  );
  for (const { text, offset } of strings) file.write(`${text}\0`, data + offset, 'latin1');
  const [libraryAt, nameAt, targetAt] = strings.map(({ offset }) => at + offset);
  file.writeUInt32LE(libraryAt, data + 12);
  file.writeUInt32LE(1, data + 16); // ordinals begin at 1
  file.writeUInt32LE(1, data + 20); // functions
  file.writeUInt32LE(1, data + 24); // names
  file.writeUInt32LE(at + 40, data + 28);
  file.writeUInt32LE(at + 44, data + 32);
  file.writeUInt32LE(at + 48, data + 36);
  file.writeUInt32LE(targetAt, data + 40);
  file.writeUInt32LE(nameAt, data + 44);
  return file;
}
