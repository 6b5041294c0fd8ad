import { startInstance } from "./lib/instance.mjs";
import { Lane } from "./lib/load.mjs";
import { startHamrah } from "./contestants/hamrah.mjs";
const H=`const h={"content-type":"application/json","x-request-id":"","x-content-type-options":"nosniff","referrer-policy":"no-referrer","x-frame-options":"DENY","content-security-policy":"default-src 'none'; frame-ancestors 'none'","cache-control":"no-store","vary":"origin, access-control-request-method, access-control-request-headers","access-control-allow-credentials":"true","access-control-expose-headers":"retry-after,x-request-id"};`;
const P="const flat=Object.entries(h).flat().join('\\n');const enc=new TextEncoder().encode('{\"status\":\"ok\",\"version\":\"0.1.0\",\"timestamp\":\"2026-11-22T00:00:00Z\"}');const txt=new TextDecoder().decode(enc);";
const W={
 objstr:H+P+`export default {fetch:(r)=>new Response(txt,{headers:h})}`,
 objbytes:H+P+`export default {fetch:(r)=>new Response(enc.slice(),{headers:h})}`,
 objdec:H+P+`const d=new TextDecoder();export default {fetch:(r)=>new Response(d.decode(enc),{headers:h})}`,
 flatarr:H+P+`export default {fetch:(r)=>{const l=flat.split("\\n"),p=[];for(let i=0;i<l.length;i+=2)p.push([l[i],l[i+1]]);return new Response(txt,{headers:p})}}`,
 flatobj:H+P+`export default {fetch:(r)=>{const l=flat.split("\\n"),p={};for(let i=0;i<l.length;i+=2)p[l[i]]=l[i+1];return new Response(txt,{headers:p})}}`,
 hdrobj:H+P+`export default {fetch:(r)=>{const l=flat.split("\\n"),p=new Headers();for(let i=0;i<l.length;i+=2)p.append(l[i],l[i+1]);return new Response(txt,{headers:p})}}`,
 readall:H+P+`export default {fetch:(r)=>{let s=r.method+r.url;for(const [n,v] of r.headers)s+="\\n"+n+"\\n"+v;return new Response(txt,{headers:h})}}`,
 readeach:H+P+`export default {fetch:(r)=>{let s=r.method+r.url;r.headers.forEach((v,n)=>{s+="\\n"+n+"\\n"+v});return new Response(txt,{headers:h})}}`,
 readurl:H+P+`export default {fetch:(r)=>{let s=r.method+r.url;return new Response(txt,{headers:h})}}`,
 class1:`import {WorkerEntrypoint} from "cloudflare:workers";`+H+P+`export default class extends WorkerEntrypoint{fetch(r){return new Response(txt,{headers:h})}}`,
 promise:H+P+`export default {fetch:(r)=>new Promise(res=>queueMicrotask(()=>res(new Response(txt,{headers:h}))))}`,
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
