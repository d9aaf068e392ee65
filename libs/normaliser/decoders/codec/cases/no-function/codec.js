var decode = 1;
