module github.com/upright-clinic/upright/tools/testenv

go 1.26.0
