function decodeUplink(input) {
  var nothing = null;
  return { data: nothing.length };
}
