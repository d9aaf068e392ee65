/** Words that people build passwords of, in lower case: from what intruders try first, and from this platform's own world. */
export const commonPasswordWords: ReadonlySet<string> = new Set(
  `password passwort passw passwd pass pwd mima kouling admin administrator adminadmin root rootroot toor superuser sysadmin
  system security auditor operator manager supervisor user username guest test testing tester demo default changeme
  changeit letmein letmeinnow welcome welcomehome hello helloworld login loginlogin secret topsecret private access
  master mastermaster shadow dragon monkey tiger lion eagle falcon phoenix princess sunshine iloveyou loveyou woaini
  woainimen woaini baobei football baseball basketball soccer hockey batman superman spiderman ironman starwars pokemon
  naruto minecraft computer internet network server database oracle mysql postgres postgresql redis mongodb docker
  kubernetes linux ubuntu debian windows microsoft google apple iphone android huawei xiaomi alibaba tencent baidu
  weixin wechat qqqqqq taobao alipay mercedes porsche ferrari corvette mustang harley summer winter autumn spring monday
  friday january february march april june july august september october november december china zhongguo beijing
  shanghai guangzhou shenzhen zunyi guizhou guiyang city smartcity citysense citysenseadmin sensor sensors platform
  water watermeter parking fire firealarm smoke gateway device devices iotplatform iot internetofthings mosquitto emqx
  qwerty qwertyuiop qwertyqwerty asdfgh asdfghjkl zxcvbn zxcvbnm qazwsx qazwsxedc abcdef abcdefgh abcabc aaaaaa
  trustno trustnoone whatever nothing freedom liberty jesus jesuschrist michael jennifer jordan charlie thomas daniel
  matthew andrew joshua robert william anthony jessica ashley amanda nicole michelle hunter hunterhunter killer ranger
  buster soldier pepper ginger cookie banana orange cheese chocolate coffee flower butterfly rainbow angel angels lovely
  forever family friends happy lucky money dollar business office company service support helpdesk training
  correcthorsebatterystaple p@ssw0rd passwordpassword`.split(/\s+/),
);
