# pip install wasmtime; python examples/call.py http://127.0.0.1:PORT
import sys
from wasmtime import Config, Engine, Store, WasiConfig
from wasmtime.component import Component, Linker

engine = Engine()
linker = Linker(engine)
linker.add_wasip2()
linker.add_wasi_http()
wasi = WasiConfig()
wasi.env = [("CAPSULE_ACCESS_TOKEN", "t"), ("CAPSULE_API_BASE", sys.argv[1])]
store = Store(engine)
store.set_wasi(wasi)
store.set_wasi_http()
connector = linker.instantiate(store, Component.from_file(engine, "target/capsule_crm.wasm"))
operations = connector.get_export_index(store, "integration:connector/operations@0.1.0")
invoke = connector.get_func(store, connector.get_export_index(store, "invoke", operations))
print(invoke(store, "people.create", '{"lastName": "Duarte"}'))
