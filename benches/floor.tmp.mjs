import { startInstance } from "./lib/instance.mjs";
import { Lane } from "./lib/load.mjs";
import { startHamrah } from "./contestants/hamrah.mjs";
const H=`const h={"content-type":"application/json","x-request-id":"","x-content-type-options":"nosniff","referrer-policy":"no-referrer","x-frame-options":"DENY","content-security-policy":"default-src 'none'; frame-ancestors 'none'","cache-control":"no-store","vary":"origin, access-control-request-method, access-control-request-headers","access-control-allow-credentials":"true","access-control-expose-headers":"retry-after,x-request-id"};`;
const W={
 empty:`export default {fetch:()=>new Response("{}",{headers:{"content-type":"application/json"}})}`,
 headers:H+`export default {fetch:(r)=>{h["x-request-id"]=crypto.randomUUID();return new Response('{"status":"ok","version":"0.1.0","timestamp":"'+new Date().toISOString()+'"}',{headers:h})}}`,
 log:`export default {fetch:(r)=>{console.log('{"level":"INFO","message":"request","request_id":"17b34573-9f35-413c-ac2f-90f258af58da","method":"GET","route":"/health","status":200,"code":"","reason":""}');return new Response("{}",{headers:{"content-type":"application/json"}})}}`,
 both:H+`export default {fetch:(r)=>{const id=h["x-request-id"]=crypto.randomUUID();console.log('{"level":"INFO","message":"request","request_id":"'+id+'","method":"GET","route":"/health","status":200,"code":"","reason":""}');return new Response('{"status":"ok","version":"0.1.0","timestamp":"'+new Date().toISOString()+'"}',{headers:h})}}`,
 reqheaders:`export default {fetch:(r)=>{const a=[...r.headers];return new Response("{}",{headers:{"content-type":"application/json"}})}}`,
 verify:`let k,sig;const m=new Uint8Array(500);export default {fetch:async()=>{if(!k){k=await crypto.subtle.generateKey("Ed25519",true,["sign","verify"]);sig=await crypto.subtle.sign("Ed25519",k.privateKey,m)}
const ok=await crypto.subtle.verify("Ed25519",k.publicKey,sig,m);return new Response(ok?"{}":"no",{headers:{"content-type":"application/json"}})}}`,
 sign:`let k,sig;const m=new Uint8Array(500);export default {fetch:async()=>{if(!k){k=await crypto.subtle.generateKey("Ed25519",true,["sign","verify"]);}
sig=await crypto.subtle.sign("Ed25519",k.privateKey,m);return new Response("{}",{headers:{"content-type":"application/json"}})}}`,
 async:`export default {fetch:async(r)=>{await 0;return new Response("{}",{headers:{"content-type":"application/json"}})}}`,
};
const only=process.argv[2]?.split(",");
const lanes={};const stops=[];
for(const [n,script] of Object.entries(W)){ if(only&&!only.includes(n))continue; const i=await startInstance({[n]:{modules:true,script}},{database:false}); lanes[n]=[new Lane({origin:await i.urlOf(n),prepare:async c=>Array(c).fill({}),request:()=>({path:"/health"})}),i.cpu]; stops.push(i.stop);}
{ const i=await startInstance({h:{modules:[{type:"ESModule",path:"index.js",contents:(await import("node:fs")).readFileSync("build/index.js","utf8")},{type:"CompiledWasm",path:"index_bg.wasm",contents:(await import("node:fs")).readFileSync("build/index_bg.wasm")}],bindings:{ENVIRONMENT:"development",RATE_LIMITS:"off",INTERNAL_API_KEY:"uGkH3v9sQ1xYp7Lw2ZbT5nCe8RdA4mJf",JWT_SIGNING_KEYS:(await import("../tests/workerd/miniflare.mjs")).signingKeys()},compatibilityFlags:[]}},{database:true}); lanes.hamrah=[new Lane({origin:await i.urlOf("h"),prepare:async c=>Array(c).fill({}),request:()=>({path:"/health"})}),i.cpu]; stops.push(i.stop);}
const C=Number(process.env.C??8);
const acc={};
for(const n in lanes) await lanes[n][0].slot(C,800,lanes[n][1]);
for(let r=0;r<6;r++) for(const n in lanes){const x=await lanes[n][0].slot(C,300,lanes[n][1]);(acc[n]??=[]).push([x.requests/x.milliseconds*1000,x.cpu/x.requests]); if(x.errors)console.log(n,x.problem)}
for(const n in acc){const s=acc[n].map(a=>a[0]).sort((a,b)=>a-b);console.log(n.padEnd(12),s[3].toFixed(0).padStart(7),(acc[n].reduce((a,b)=>a+b[1],0)/6*1000).toFixed(0).padStart(5)+"us")}
for(const s of stops) await s();
process.exit(0);
