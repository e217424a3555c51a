import { expect, test } from "vitest";
import { directory, npy, numbers, type Column, type Fetcher } from "../src/lib/npz";

/** numpy.savez(primal=[1.5, -2, inf], basis=int64 [0, 1, 4], names=["x", "long name", "ü"]), written by numpy 2.4. */
const ARCHIVE = Uint8Array.from(
  atob(
    "UEsDBC0AAAAAAAAAIQDhKRpf//////////8KABQAcHJpbWFsLm5weQEAEACYAAAAAAAAAJgAAAAAAAAAk05VTVBZAQB2AHsnZGVzY3InOiAnPGY4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDMsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAD4PwAAAAAAAADAAAAAAAAA8H9QSwMELQAAAAAAAAAhAHBJfSz//////////wkAFABiYXNpcy5ucHkBABAAmAAAAAAAAACYAAAAAAAAAJNOVU1QWQEAdgB7J2Rlc2NyJzogJzxpOCcsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgzLCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAKAAAAAAAAAAABAAAAAAAAAAQAAAAAAAAAUEsDBC0AAAAAAAAAIQCLD5jb//////////8JABQAbmFtZXMubnB5AQAQAOwAAAAAAAAA7AAAAAAAAACTTlVNUFkBAHYAeydkZXNjcic6ICc8VTknLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMywpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgCngAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAGwAAABvAAAAbgAAAGcAAAAgAAAAbgAAAGEAAABtAAAAZQAAAPwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAFBLAQItAy0AAAAAAAAAIQDhKRpfmAAAAJgAAAAKAAAAAAAAAAAAAACAAQAAAABwcmltYWwubnB5UEsBAi0DLQAAAAAAAAAhAHBJfSyYAAAAmAAAAAkAAAAAAAAAAAAAAIAB1AAAAGJhc2lzLm5weVBLAQItAy0AAAAAAAAAIQCLD5jb7AAAAOwAAAAJAAAAAAAAAAAAAACAAacBAABuYW1lcy5ucHlQSwUGAAAAAAMAAwCmAAAAzgIAAAAA",
  ),
  (letter) => letter.charCodeAt(0),
);

const asked: number[] = [];
const fetcher: Fetcher = (_, from, to) => {
  const bytes = from < 0 ? ARCHIVE.slice(from) : ARCHIVE.slice(from, to);
  asked.push(bytes.length);
  return Promise.resolve({ bytes, total: ARCHIVE.length });
};

test("the arrays of an archive are found from its end and read one by one", async () => {
  const members = await directory("art", fetcher);
  expect([...members.keys()]).toEqual(["primal", "basis", "names"]);
  const read = (name: string): Float64Array | Column<string> => {
    const member = members.get(name);
    if (!member) throw new Error(name);
    return npy(ARCHIVE.slice(member.start, member.start + member.size));
  };
  expect(read("primal")).toEqual(Float64Array.of(1.5, -2, Infinity));
  expect(read("basis")).toEqual(Float64Array.of(0, 1, 4));
  const names = read("names") as Column<string>;
  expect([names.length, names.at(0), names.at(1), names.at(2)]).toEqual([3, "x", "long name", "ü"]);
});

test("what is no archive is refused", async () => {
  await expect(directory("art", () => Promise.resolve({ bytes: new Uint8Array(100), total: 100 }))).rejects.toThrow("no .npz");
});

test("lists and raw bytes of the contract become doubles", async () => {
  expect(await numbers([1, "Infinity", "-Infinity"])).toEqual(Float64Array.of(1, Infinity, -Infinity));
  expect(await numbers({ dtype: "int32", shape: [2], base64: "AQAAAP////8=" })).toEqual(Float64Array.of(1, -1));
  expect(await numbers(null)).toBeNull();
});
