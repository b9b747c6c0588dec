// npm pkg set type=module; npm install @bytecodealliance/jco @bytecodealliance/preview2-shim
// npx jco transpile target/capsule_crm.wasm -o capsule; node examples/call.mjs http://127.0.0.1:PORT
process.env.CAPSULE_ACCESS_TOKEN = "t";
process.env.CAPSULE_API_BASE = process.argv[2];
const { operations } = await import(new URL("capsule/capsule_crm.js", `file://${process.cwd()}/`));
try {
  console.log(operations.invoke("people.create", '{"lastName": "Duarte"}'));
} catch (error) {
  console.error(JSON.stringify(error.payload ?? String(error)));
}
